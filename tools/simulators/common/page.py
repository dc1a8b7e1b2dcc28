"""A small page for a person: of a simulator's checkout, and of the local run."""

import html

_STYLE = (
    "body{font:1.1rem/1.6 system-ui,sans-serif;max-width:34rem;margin:4rem auto;padding:0 1rem;color-scheme:light dark}"
    "th{text-align:left;font-weight:600;padding-right:2rem}h1{font-size:1.5rem}"
)


def page_of(title: str, rows: list[tuple[str, str]], *, end: str = "", reload_s: int | None = None) -> str:
    """Return a small page: a title, rows of what and how much, and HTML that follows them."""
    listed = "".join(f"<tr><th>{html.escape(what)}</th><td>{html.escape(value)}</td></tr>" for what, value in rows)
    again = f"<meta http-equiv=refresh content={reload_s}>" if reload_s else ""
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>{again}"
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style><h1>{html.escape(title)}</h1>"
        f"<table>{listed}</table>{end}</html>"
    )
