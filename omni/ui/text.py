"""Every sentence a visitor reads that does not come from a decision, a model card or a server."""

from omni.explain import REASON_WORDS, TASK_WORDS
from omni.types import Preset, Safety

TITLE = "Omni — the open router for open models"
NAME = "Omni"
PROMISE = "One prompt. The open model that suits it. And the reason why."

TAB_CHAT, TAB_COMPARE, TAB_MODELS = "Chat", "Compare", "Models"

PROMPT_PLACEHOLDER = "Ask anything, in any language …"
PROMPT_LABEL = "Your prompt"
EMPTY_CHAT = (
    "### Write a prompt\n"
    "Omni reads it, weighs every open model it knows and shows which one answers — with the figures behind the choice."
)
EXAMPLES = (
    "Write a Python function that merges overlapping time intervals, with two tests.",
    "Eine Kugel rollt eine 30°-Rampe hinab. Wie schnell ist sie nach zwei Metern?",
    "Traduce al inglés, con tono cálido: «Se hace camino al andar».",
    "明日の会議を延期したいと取引先に伝える、丁寧な短いメールを書いてください。",
    "Fais-moi un plan de révision en cinq jours pour un examen de biologie cellulaire.",
    "اكتب أربعة أسطر شعرية عن أول مطر في الخريف.",
)

PRESET_LABEL = "What matters most"
PRESETS: tuple[tuple[str, Preset], ...] = (
    ("Balanced", "balanced"),
    ("Best answer", "quality"),
    ("Fastest", "fast"),
    ("Cheapest", "cheap"),
)
PRESET_NAMES: dict[Preset, str] = {value: label for label, value in PRESETS}

OPTIONS = "Options: price, speed, which models"
COST_LABEL = "Points of quality I would give up to save $1 per 1,000 answers"
SPEED_LABEL = "Points of quality I would give up to have the answer 10 s sooner"
POINTS_INFO = "One point = one more answer in a hundred that is right."
MAX_COST_LABEL = "Most that one answer may cost, in US cents"
MAX_COST_INFO = "Empty or 0 = no limit."
ALLOW_LABEL = "Only these models"
ALLOW_INFO = "Names with * for any part, separated by commas: Qwen/*, *gemma*"
DENY_LABEL = "Never these models"
SERVED_LABEL = "Model on your server"
SERVED_INFO = "The catalog knows none of your server's models, so the router cannot rank them. Pick one to answer."

WHY_TITLE = "Why this model"
WHY_EMPTY = (
    "Every decision is laid open here: what was read from the prompt, the score of each candidate taken apart, "
    "and why the others were left out."
)
READ_TITLE = "What was read from the prompt"
TAB_CANDIDATES, TAB_PICTURE, TAB_EXCLUDED, TAB_WHAT_IF = "Candidates", "Picture", "Left out", "What if"
CANDIDATES_NOTE = (
    "Score = quality + cost + time + doubt, in points. Quality is the expected share of good answers in a hundred "
    "(± standard error); the other three are what your weights turn cost, time and uncertainty into."
)
PICTURE_TITLE = "Points given up by each candidate (the shortest bar wins)"
PICTURE_NOTE = (
    "Quality: distance to the best expected quality. Cost, time and doubt: what your weights turn them into. "
    "One point is one good answer in a hundred."
)
NO_PICTURE = "No decision yet"
EXCLUDED_NONE = "No model was left out."
WHY_NOT_LABEL = "Why not …?"
WHY_NOT_PLACEHOLDER = "Part of a model's name"
WHAT_IF_LABEL = "With another preset"
WHAT_IF_EMPTY = "Send a prompt first; then see who would answer under another preset."
REFERENCES_TITLE = "What HuggingChat's Omni would have taken"
REFERENCES_NOTE = "Its routes and their models are public facts; which route fits the prompt is our own reading."

SOURCES_TITLE = "Facts used"
FLIPS_TITLE = "What would change the choice"

NO_PROVIDER = (
    "No model server is connected, so the decision is shown without an answer. To get answers, restart with one of:"
)
CONNECT_LINES = (
    "<code>HF_TOKEN=hf_… python app.py</code> — Hugging Face's router, most models of the catalog",
    "<code>OMNI_BASE_URL=http://127.0.0.1:11434/v1 python app.py</code> — your own server, for example Ollama or vLLM",
)
IN_SPACE = "In a public Space the owner's token is not spent on visitors' answers; run Omni yourself to get answers."
STOPPED = "Stopped by you; what it cost so far is not known."
WAITING = "waiting for the first word"
STREAMING = "answering"
TRUNCATED = "The answer reached the server's length limit and is cut."
INTERRUPTED = "The answer broke off: {error}"
FAILED = "No answer: {error}"
MOVED_ON = "{model} was tried first: {error}"
DIRECT = "Chosen by you on your own server; the catalog does not know it, so no figures were expected."
THINKING = "Thinking"
UNEXPECTED = "Something unexpected went wrong on our side. It was logged; please try again."
NOT_FROM_PAGE = (
    "This call did not come from Omni's page, or the page is too old: reload it and allow its cookie. "
    "Programs can use the OpenAI-compatible paths under /v1 instead."
)
TOO_LARGE_PICTURE = "The picture {name!r} has {size_mb:.0f} MB; 8 MB at most. Send a smaller one."
NOT_A_PICTURE = "{name!r} is not a picture that models read; send PNG, JPEG, WebP or GIF."

COMPARE_INTRO = "One prompt, two answers, side by side. Pick the router with a preset, or any model."
COMPARE_LEFT, COMPARE_RIGHT = "Left", "Right"
COMPARE_RUN, STOP = "Compare", "Stop"
COMPARE_PLACEHOLDER = "A prompt for both"
COMPARE_EMPTY = "The answer appears here."
COMPARE_NO_PROVIDER = "No model server is connected: these are the expected figures, without answers."
ROUTER_CHOICE = "Router · {preset}"

MODELS_INTRO = (
    "{n} open models with their limits, prices, speeds and public benchmark results. Select a row for sources."
)
SEARCH_LABEL = "Search"
SEARCH_PLACEHOLDER = "Name, owner or family"
TASK_LABEL = "Standing in"
TASK_INFO = "Mean percentile among these models over public benchmarks of that kind."
ALL_TASKS = "everything"
LICENCE_LABEL = "Licence"
ANY_LICENCE = ANY_SIZE = "any"
SIZE_LABEL = "At most, B parameters"
NEEDS_LABEL = "Must have"
NEED_TOOLS, NEED_IMAGES, NEED_PRICE = "tools", "images", "listed price"
NO_MODEL_FITS = "No model fits these filters. Clear the search or raise the size."
SELECT_MODEL = "Select a model to see each figure with its source and date."
CREDITS = (
    "Benchmarks and speeds include figures by Artificial Analysis (artificialanalysis.ai) and LMArena (CC-BY-4.0)."
)

STATUS_NONE = "No model server connected · decisions only"
STATUS_ASKING = "Asking {provider} which models it serves …"
STATUS_OK = "{provider} · {n} catalog models ready"
STATUS_UNKNOWN_NAMES = "{provider} · {n} models, none in the catalog"
STATUS_UNLISTED = "{provider} · models not listed"
STATUS_DOWN = "{error}"
N_MODELS = "{n} open models"
PRIVACY = "Prompts are never stored; only figures of decisions are."

TASKS, REASONS = TASK_WORDS, REASON_WORDS
SAFETY: dict[Safety, str] = {
    Safety.GENERAL: "nothing sensitive found",
    Safety.SENSITIVE: "sensitive: health, law, money or self-harm",
    Safety.HARMFUL: "may cause harm",
}
PARTS = {"quality": "quality", "cost": "cost", "latency": "time", "evidence": "doubt"}
LANGUAGES = {
    "ar": "Arabic", "bn": "Bengali", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek", "en": "English",
    "es": "Spanish", "fa": "Persian", "fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi",
    "hu": "Hungarian", "id": "Indonesian", "it": "Italian", "ja": "Japanese", "ko": "Korean", "nl": "Dutch",
    "no": "Norwegian", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sv": "Swedish",
    "ta": "Tamil", "th": "Thai", "tr": "Turkish", "uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese",
    "zh": "Chinese", "und": "language not determined",
}  # fmt: skip
