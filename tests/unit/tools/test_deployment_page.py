"""The page about the deployment shows each change of the template. Whether one is right, the other tests tell."""

from tools.deployment import PAGE, page
from tools.template import load


def test_the_page_about_the_deployment_says_what_the_template_says() -> None:
    """No permission, filter, dead-letter target, time-out or alarm changes without being seen in the page's diff."""
    assert PAGE.read_text("utf-8") == page(load()), "python -m tools.deployment"
