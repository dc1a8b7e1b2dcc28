"""`billing mails`."""

import click

from cli.errors import CannotRun


@click.command(short_help="Show the mails that the local run kept.")
@click.argument("number", type=click.IntRange(min=1), required=False)
def mails(number: int | None) -> None:
    """List the mails that the local run kept in `.local/mails`, the newest first. With NUMBER, print that one's text.

    Each is a file that any mail program opens. Nothing is sent.
    """
    from rich.table import Table
    from rich.text import Text

    from cli.paper import paper
    from tools.devserver.mailbox import folder_of_mails, kept, read

    folder = folder_of_mails()
    found = [*kept(folder)][::-1]
    if not found:
        raise CannotRun(f"No mails are in {folder}: they come with paid orders, in `make run` or `make serve`.")
    if number is None:
        table = Table("", "sent", "to", "subject", "file", box=None, pad_edge=False)
        for position, mail in enumerate(found, start=1):
            table.add_row(*map(Text, (str(position), mail.sent_at, mail.to, mail.subject, mail.path.name)))
        paper().print(table)
        return
    if number > len(found):
        raise CannotRun(f"There are {len(found)} mails.")
    content = read(found[number - 1].path).get_body(("plain",))
    click.echo(content.get_content() if content else "")
