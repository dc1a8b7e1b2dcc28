"""`billing completion`."""

import click
from click.shell_completion import get_completion_class


@click.command(short_help="Print the script for shell completion.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that completes this command in SHELL.

    \b
    bash  eval "$(billing completion bash)"         in ~/.bashrc
    zsh   eval "$(billing completion zsh)"          in ~/.zshrc, after compinit
    fish  billing completion fish | source          in ~/.config/fish/config.fish
    """
    script = get_completion_class(shell)
    if script is None:
        raise click.BadParameter(f"there is no completion for {shell}.")
    click.echo(script(ctx.find_root().command, {}, "billing", "_BILLING_COMPLETE").source())
