"""Markdown that administrators write, as HTML that cannot do harm: no markup of its own, no pictures, no scripts."""

import asyncio
from collections.abc import Iterable
from functools import lru_cache

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

TAGS = {
    *("p", "br", "hr", "strong", "em", "code", "pre", "blockquote", "ul", "ol", "li", "a"),
    *("h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"),
}
# A notice stands below the page's own headings.
HEADING_OFFSET = 2


# More notices than are ever shown at once; each is a few kilobytes.
KEPT = 128


async def render_ahead(texts: Iterable[str]) -> None:
    """Render in a thread what ``render_markdown`` is asked for next: 20,000 characters can take a third of a second."""
    for text in texts:
        await asyncio.to_thread(render_markdown, text)


@lru_cache(maxsize=KEPT)
def render_markdown(text: str) -> Markup:
    """HTML of ``text``: what it holds of HTML is text, and links lead to http, https and mail addresses alone."""
    # A picture would be loaded from elsewhere, which the pages' policy forbids.
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable("table").disable("image")
    tokens = parser.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + HEADING_OFFSET)}"
    html = parser.renderer.render(tokens, parser.options, {})
    clean = nh3.clean(
        html,
        tags=TAGS,
        attributes={"a": {"href"}, "ol": {"start"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
    return Markup(clean)  # noqa: S704 - nh3 has just taken everything out that is not one of the tags above
