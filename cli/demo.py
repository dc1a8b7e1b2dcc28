"""`billing demo`."""

import click

from cli.options import port_option


@click.command(short_help="Fill a table with a believable month and open the support console on it.")
@click.option("--customers", type=click.IntRange(1, 1000), default=120, show_default=True, help="Number of customers.")
@click.option("--seed", type=int, default=7, show_default=True, help="Seed of what happens to them.")
@port_option("Listen on this port of 127.0.0.1. Default: 3000.")
def demo(*, customers: int, seed: int) -> None:
    """Fill a table with a believable month, print the support console's address, and serve until Ctrl-C."""
    from cli.local import opened_backend
    from cli.paper import paper
    from cli.progress import progress
    from tools.demo import fill
    from tools.devserver.customer_lives import World
    from tools.devserver.sign_in import console_link
    from tools.local import deliver, serve_until_interrupted

    console = paper()
    with opened_backend(console) as backend:
        if backend.stripe is None or backend.paddle is None:
            raise click.UsageError("The demo needs the simulators: unset STRIPE_API_KEY and PADDLE_API_KEY.")
        world = World(backend.gateway, backend.stripe, backend.paddle, backend.clock)
        with progress("playing a month", "customers", customers) as advance:
            fill(world, lambda one: deliver(backend.gateway, one), customers=customers, seed=seed, advance=advance)
        console.print(f"The support console: {console_link(backend.gateway.url)}", soft_wrap=True)
        console.print("[dim]Ctrl-C ends it.[/]")
        serve_until_interrupted(backend, lambda *_: None)
