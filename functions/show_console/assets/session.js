// Sign-in: OpenID Connect's authorization code flow with PKCE, state and nonce.
//
// The token is kept in the memory of this module and nowhere else. So it ends with the page: sessionStorage would be
// written to the disk, and come back with "reopen closed tab". After a reload the issuer's own session signs in again.

const settings = document.documentElement.dataset;
const PENDING = "console.sign-in"; // in sessionStorage during the visit to the issuer: state, nonce, verifier

let person = null; // { token, id, name, expiresAt }

export const signedIn = () => person;
export const canSignIn = () => Boolean(settings.consoleClientId && settings.consoleAuthorizeUrl && settings.consoleTokenUrl);
let tell = () => {};

/** Set what is called when the sign-in ends, with the problem that ended it, or null. */
export const onSignOut = (listener) => { tell = listener; };
export function signOut(problem = null) {
  person = null;
  tell(problem);
}

/** Leave for the issuer's page. It leads back to /console with a code. */
export async function beginSignIn() {
  const pending = { state: random(), nonce: random(), verifier: random(), page: location.hash };
  sessionStorage.setItem(PENDING, JSON.stringify(pending));
  const address = new URL(settings.consoleAuthorizeUrl, location.origin);
  const asked = {
    response_type: "code",
    client_id: settings.consoleClientId,
    redirect_uri: redirectUri(),
    scope: settings.consoleScopes,
    state: pending.state,
    nonce: pending.nonce,
    code_challenge: await challengeOf(pending.verifier),
    code_challenge_method: "S256",
  };
  for (const [name, value] of Object.entries(asked)) address.searchParams.set(name, value);
  location.assign(address.href);
}

/** Finish a sign-in if this page was opened by one. Throw an Error that says what failed. */
export async function finishSignIn() {
  const query = new URLSearchParams(location.search);
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    history.replaceState(null, "", "/console#/queue");
    // A link could sign a person in as somebody else. So only a local run accepts one.
    if (settings.consoleAcceptsToken !== "local") throw new Error("This console does not accept a token in its address.");
    person = personOf(given, claimsOf(given));
    return;
  }
  if (!query.has("state") && !query.has("code") && !query.has("error")) return;
  const pending = JSON.parse(sessionStorage.getItem(PENDING) || "null");
  sessionStorage.removeItem(PENDING); // a code is used once
  history.replaceState(null, "", `/console${pending?.page || "#/queue"}`);
  if (!pending || query.get("state") !== pending.state) throw new Error("This answer is not to a sign-in of this tab. Sign in again.");
  if (query.has("iss") && query.get("iss") !== settings.jwtIssuer) throw new Error("Another issuer has answered. Sign in again.");
  if (query.has("error")) throw new Error(query.get("error_description") || `The sign-in was refused (${query.get("error")}).`);
  person = await exchange(query.get("code") || "", pending);
}

async function exchange(code, pending) {
  const body = new URLSearchParams({
    grant_type: "authorization_code",
    client_id: settings.consoleClientId,
    redirect_uri: redirectUri(),
    code,
    code_verifier: pending.verifier,
  });
  const response = await fetch(settings.consoleTokenUrl, { method: "POST", body, credentials: "omit" });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error_description || "The issuer did not accept the sign-in. Try again.");
  // The ID token came from the issuer itself over TLS: its signature need not be checked (OpenID Connect Core, 3.1.3.7).
  const identity = claimsOf(answer.id_token || "");
  const audience = [identity.aud].flat();
  if (identity.nonce !== pending.nonce) throw new Error("The answer is not to this sign-in. Sign in again.");
  if (identity.iss !== settings.jwtIssuer || !audience.includes(settings.consoleClientId)) throw new Error("The answer is for another application.");
  if (!(identity.exp * 1000 > Date.now())) throw new Error("The sign-in has expired. Check this computer's clock.");
  return personOf(answer.access_token, identity, answer.expires_in);
}

function personOf(token, claims, expiresIn) {
  const expiresAt = expiresIn ? Date.now() + expiresIn * 1000 : (claims.exp || 0) * 1000;
  return { token, id: claims.sub || "", name: claims.name || claims.email || claims.sub || "", expiresAt };
}

function claimsOf(token) {
  const part = token.split(".")[1] || "";
  const bytes = Uint8Array.from(atob(part.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new Error("The issuer sent no valid token.");
  }
}

const redirectUri = () => `${location.origin}/console`;
const random = () => base64Url(crypto.getRandomValues(new Uint8Array(32)));

async function challengeOf(verifier) {
  return base64Url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))));
}

function base64Url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}
