"""Render administrators' Markdown as safe HTML: no raw HTML, no images, no scripts."""

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
# Headings in a notice rank below the page's own.
HEADING_OFFSET = 2
# More notices than a page shows; each takes a few kilobytes.
KEPT = 128


async def render_ahead(texts: Iterable[str]) -> None:
    """Fill the cache of ``render_markdown`` from a thread: 20,000 characters can take a third of a second."""
    for text in texts:
        await asyncio.to_thread(render_markdown, text)


@lru_cache(maxsize=KEPT)
def render_markdown(text: str) -> Markup:
    """Render ``text`` as HTML. Raw HTML is escaped; links may use http, https and mailto only."""
    # The pages' content security policy blocks images from other hosts.
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
    return Markup(clean)  # noqa: S704 - nh3 has just removed everything except the tags above
