// What a shop does with the generated types: show the catalogue, place an order, read it, and read what is wrong.
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

const [address, token] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl: address, headers: { Authorization: `Bearer ${token}` } });
const wanted: components["schemas"]["PlaceOrderRequest"] = {
  product_id: "pack_1000",
  provider: "stripe",
  currency: "EUR",
  country: "DE",
  is_business: false,
  policy_version: "2026-11-01",
};
// @ts-expect-error: a provider that there is not is found while compiling
const unknown: components["schemas"]["PlaceOrderRequest"]["provider"] = "cheques";

async function order(key: string, body: typeof wanted) {
  return client.POST("/orders", { params: { header: { "Idempotency-Key": key } }, body });
}

const catalogue = await client.GET("/catalogue");
const placed = await order("typescript-1", wanted);
const again = await order("typescript-1", wanted);
const refused = await order("typescript-2", { ...wanted, currency: "euros" });
const found = await client.GET("/orders/{order_id}", { params: { path: { order_id: placed.data!.order_id } } });
const forbidden = await client.GET("/support/refund-cases");
const statement = await client.GET("/account/statement.csv", { parseAs: "text" });

console.log(
  JSON.stringify({
    products: catalogue.data!.products.map((product) => product.product_id),
    placed: placed.response.status,
    same: again.data!.order_id === placed.data!.order_id,
    state: found.data!.state,
    refused: refused.error && "errors" in refused.error ? refused.error.errors!.map((wrong) => wrong.field) : [],
    forbidden: forbidden.response.status,
    columns: statement.data!.split("\n")[0]!.trim().split(",").length,
    unknown,
  }),
);
