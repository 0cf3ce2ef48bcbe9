"""Every sentence a visitor reads that does not come from a decision, a model card or a server."""

from omni.gateway import BreakerState, ErrorKind
from omni.types import Preset, Safety
from omni.vocabulary import LANGUAGE_WORDS, PART_WORDS, PRESET_WORDS, REASON_WORDS, TASK_WORDS

TITLE = "Omni — the open router for open models"
NAME = "Omni"
PROMISE = "One prompt, the open model that suits it, and the reason why."

TAB_CHAT, TAB_COMPARE, TAB_MODELS, TAB_STATUS = "Chat", "Compare", "Models", "Status"

PROMPT_PLACEHOLDER = "Ask anything, in any language …"
PROMPT_LABEL = "Your prompt"
EMPTY_CHAT = (
    "## Write a prompt\n"
    "Omni reads it, weighs every open model it knows and shows which one answers, with the figures behind the choice."
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
PRESET_NAMES: dict[Preset, str] = PRESET_WORDS
PRESETS: tuple[tuple[str, Preset], ...] = tuple((label, preset) for preset, label in PRESET_WORDS.items())

CONTINUE, ANOTHER, TRIM = "Continue with the next model", "Try another model", "Leave out the oldest messages"
ASKED_NOW = "Asked now: {model}."
DIVIDER = '<div class="divider">Another answer</div>'
CUT = '<div class="divider">Messages above this line are no longer sent</div>'
TOO_LONG = (
    "This conversation ({n} turns) is longer than the context window of any available model. "
    "Leave out the oldest messages? They stay on this page and are no longer sent."
)
ALL_ASKED = "All {n} models that can answer this have been asked."
CONTINUES = "It starts over, because the answer of {model} broke off."
ANOTHER_ASKED = "You asked for an answer other than that of {model}."
PLACE = "Ranked {rank} by score."
TURNED_DOWN = "You rejected {model} in this conversation."
OUTGREW = "The conversation has outgrown {model} ({detail}), so it moves to a model with a larger window."
CANNOT_GO_ON = "The conversation was with {model}, which cannot go on: {detail}."
SO_FAR = "so far"
RESTORED = "Private data went out as placeholders and was put back here, but not in web addresses."
NOT_JUDGED = "You can only rate answers from this visit."
THANKS_UP = "Thank you. This counts for {model} on {task}: a little, and for all visitors."
THANKS_DOWN = "Thank you. This counts against {model} on {task}: a little, and for all visitors."
THANKS_NOT_LEARNED = "Thank you."
GUARD_OBJECTED = (
    "A guard model classified this as a request for help with harm, so no other model was asked. "
    "If that is a mistake, explain what you need it for."
)
LOG_IN = (
    "Sign in with Hugging Face (above) to get answers. You pay for them from your own account, with your own token."
)
NO_LOCAL = "No model server was found on this machine. Start one, for example Ollama, or choose another way to send."

PRIVACY_LABEL = "How prompts are sent"
PRIVACY_INFO = (
    "Placeholders such as [EMAIL_1] replace private data before sending; the answer gets the real values back, but not "
    "in web addresses."
)
PRIVACY_MODES: tuple[tuple[str, str], ...] = (
    ("As they are", "standard"),
    ("With placeholders", "anonymise"),
    ("Only to models on this machine", "local"),
)
FOUND_KIND = "private: {kind}"
KINDS: dict[str, tuple[str, str]] = {
    "email": ("e-mail address", "e-mail addresses"),
    "phone": ("phone number", "phone numbers"),
    "card": ("card number", "card numbers"),
    "iban": ("bank account", "bank accounts"),
    "national_id": ("identity number", "identity numbers"),
    "passport": ("passport number", "passport numbers"),
    "ip_address": ("IP address", "IP addresses"),
    "address": ("postal address", "postal addresses"),
    "person": ("name", "names"),
    "birth_date": ("date of birth", "dates of birth"),
    "secret": ("key or password", "keys or passwords"),
}
OTHER_KIND = ("private detail", "private details")
SUMMARY_NOTHING = "Privacy: nothing private found · goes to {where}"
SUMMARY_FOUND = "Privacy: {found} · sent as written to {where}"
SUMMARY_MASKED = "Privacy: {found} · replaced before going to {where}"
SUMMARY_UNSENT = "Privacy: {found} · nothing is sent"
NOTHING_FOUND = "nothing private found"
SUMMARY_LOCAL = "Privacy: stays on this machine"
STAYS_HERE = "a server on this machine"
FOUND_TITLE, SENT_TITLE, KEPT_TITLE = "Found", "Sent", "Kept"
FOUND = "{found}."
FOUND_NOTHING = "No private data was found. The rules detect addresses, numbers, keys and the like, but not everything."
FOUND_MASKED = "Each is replaced by a placeholder before it is sent, and put back in the answer."
FOUND_MASKED_NOTHING = "Anything found is replaced before it is sent."
PICTURES_AS_THEY_ARE = "Pictures are sent as they are."
SENT = "To {model}, at {where}."
SENT_CHOSEN = "the chosen model"
SENT_THEIRS = "Another server is asked only when that one fails. The provider's own terms apply there."
SENT_LOCAL = "To a model server on this machine; it does not leave it."
SENT_NOTHING = "Nothing is sent: no model server is connected. The decision is made on the machine that runs this app."
KEPT_FIGURES = "Here: figures only (model, cost, times, kinds of data found). No prompt, no answer."
KEPT_NONE = "Here: nothing, not even figures."
KEPT_BROWSER = "Your browser keeps this chat, as you asked."
KEEP_LABEL = "Keep my chat in this browser"
KEEP_INFO = "In this browser's own storage only; never on the server."
FORGET = "Clear what is kept"
FORGOTTEN = "Cleared. Nothing of your chats is kept in this browser."

OPTIONS = "Options: price, speed, which models"
ASK_TWICE_LABEL = "Ask a second model when the first is slow"
ASK_TWICE_INFO = "The model that starts to answer first wins; the other is stopped. This may cost a little more."
EXTRA_LABEL = "The second may cost at most, in US cents"
COST_LABEL = "Quality points to give up for saving $1 per 1,000 answers"
SPEED_LABEL = "Quality points to give up for an answer 10 s sooner"
POINTS_INFO = "Quality is the expected score from 0 to 100; one point is 1 of these."
MAX_COST_LABEL = "Cost limit per answer, in US cents"
MAX_COST_INFO = "Empty or 0 = no limit."
ALLOW_LABEL = "Only these models"
ALLOW_INFO = "Names separated by commas; a star stands for any part."
ALLOW_PLACEHOLDER, DENY_PLACEHOLDER = "Qwen/*, *gemma*", "*-70B*"
DENY_LABEL = "Never these models"
SERVED_LABEL = "Model on your server"
SERVED_INFO = "None of your server's models is in the catalog, so the router cannot rank them. Pick one to answer."

ROUTER_LABEL = "Router"
ROUTER_BACK = "Back to {title}"
ROUTER_PUBLIC = "It chooses by public benchmark scores"
ROUTER_OFFERED = "{n} of {n_models} models offered"
ROUTER_UNSERVED = "{n} models, no server connected"
ROUTER_UNKNOWN = "{n} models"
ROUTER_GONE = "The router you chose is no longer in memory, so the default one decides. Fit it again under Benchmark."
NOT_OFFERED = "not offered"
NONE_OFFERED = (
    "No connected server offers a model of this router ({title}). Switch back to the default router, or connect a "
    "server that offers one of its models."
)

PARTS_TITLE = "How the expected quality adds up"
PARTS_SUM = "Expected quality, points"
NEAREST_TITLE = "Most similar recorded prompts"
NEAREST_HEAD = ("Prompt", "Category", "Similarity")
NEAREST_NOTE = "Similarity runs from -1 to 1. Scores are the recorded ones, 0 to 1; a dash means not recorded."
NEAREST_NONE = "Too few prompts were recorded to compare similar ones."

WHY_TITLE = "Why this model"
TILE_QUALITY, TILE_COST, TILE_TIME = "expected quality", "expected cost", "expected time"
DIFFICULTY = "difficulty"
NOT_ASKED_TITLE = "No model was asked"
WHY_EMPTY = (
    "Every decision is explained here: what was read from the prompt, how each candidate's score adds up, "
    "and why other models were left out."
)
READ_TITLE = "What was read from the prompt"
TAB_CANDIDATES, TAB_PICTURE, TAB_EXCLUDED, TAB_WHAT_IF = "Candidates", "Picture", "Left out", "What if"
CANDIDATES_NOTE = (
    "Score = quality + cost + time + uncertainty, in points. Quality is the expected score, 0 to 100, ± its standard "
    "error; your weights turn dollars, seconds and uncertainty into the other three. Dollars are per 1,000 such "
    "answers, seconds to the full answer. More columns appear where they matter: recent failures, the cost of a switch "
    "within a conversation, safety scores."
)
PICTURE_TITLE = "Points given up by each candidate (the shortest bar wins)"
PICTURE_NOTE = (
    "Quality: distance to the best expected quality. Cost, time and uncertainty: as your weights convert them to "
    "points of quality."
)
NO_PICTURE = "No decision yet"
EXCLUDED_NONE = "No model was left out."
WHY_NOT_LABEL = "Why not …?"
WHY_NOT_PLACEHOLDER = "Part of a model's name"
WHAT_IF_HEAD = ("Preset", "Model", "Expected quality", "Cost", "Time")
REFERENCES_HEAD = ("Policy", "Model", "Expected quality", "Cost", "Rank here")
WHAT_IF_LABEL = "With another preset"
WHAT_IF_EMPTY = "Send a prompt first; then see which model another preset would choose."
REFERENCES_TITLE = "What HuggingChat's Omni would have taken"
REFERENCES_NOTE = "Its routes and their models are public; which route fits the prompt is Omni's own estimate."

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
STOPPED = "Stopped by you; the cost so far is not known."
WAITING = "waiting for the first word"
STREAMING = "answering"
TRUNCATED = "The answer reached the server's length limit and is cut."
INTERRUPTED = "The answer broke off: {error}"
FAILED = "No answer: {error}"
MOVED_ON = "Tried first: {models}. {error}"
DIRECT = "Chosen by you on your own server; it is not in the catalog, so there are no expected figures."
THINKING = "Thinking"
UNEXPECTED = "Something went wrong on our side. It was logged; please try again."
NOT_FROM_PAGE = (
    "Please reload Omni's page and allow its cookie: the app was restarted, or this call did not come from the page. "
    "Programs can use the OpenAI-compatible paths under /v1."
)
TOO_MANY_CALLS = (
    "{n} requests from your address are running or waiting on this page; {at_most} at most. Wait for one to finish."
)
TOO_FAST = "Your address has made too many requests; {n:.0f} a second are served here. Try again in a few seconds."
TOO_LARGE_PICTURE = "The picture {name!r} has {size_mb:.0f} MB; 8 MB at most. Send a smaller one."
NOT_A_PICTURE = "{name!r} is not a picture that models read; send PNG, JPEG, WebP or GIF."

COMPARE_INTRO = "One prompt, two answers, side by side. Pick the router with a preset, or any model; then vote."
COMPARE_LEFT, COMPARE_RIGHT = "Left", "Right"
COMPARE_RUN, STOP = "Compare", "Stop"
COMPARE_PLACEHOLDER = "A prompt for both"
VOTES: tuple[tuple[str, str, float], ...] = (
    ("left", "Left is better", 1.0),
    ("tie", "A tie", 0.5),
    ("right", "Right is better", 0.0),
)
THANKS_VOTE = "Thank you. Your vote counts for both models: a little, and for all visitors."
NOT_LOCAL = "{model} is not on this machine, and you allow only models that are. Pick another, or change Privacy."
COMPARE_EMPTY = "The answer appears here."
FACT_COST, FACT_TIME, FACT_FIRST_WORD, FACT_LENGTH = "cost", "time", "first word", "length"
FACT_EXPECTED = "expected {figure}"
COMPARE_NO_PROVIDER = "No model server is connected. These are the expected figures, without answers."
ROUTER_CHOICE = "Router · {preset}"

MODELS_INTRO = (
    "{n} open models with their limits, prices, speeds and public benchmark results. Select a row for sources."
)
SEARCH_LABEL = "Search"
SEARCH_PLACEHOLDER = "Name, owner or family"
TASK_LABEL = "Standing in"
MODELS_NOTE = (
    "Standing: mean percentile among these models, 0 to 100, over the public benchmarks of that kind that include the "
    "model. B: billions of parameters; active: how many of them are used per token. Window: context window in "
    "thousands of tokens. $/M: US dollars per million tokens. A token is a piece of a word. Empty or a dash: not "
    "published."
)
N_SHOWN = "{n} of {n_models} models"
ALL_TASKS = "everything"
LICENCE_LABEL = "Licence"
ANY_LICENCE = ANY_SIZE = "any"
SIZE_LABEL = "Size at most, B"
NEEDS_LABEL = "Must have"
NEED_TOOLS, NEED_IMAGES, NEED_PRICE = "tools", "images", "listed price"
NO_MODEL_FITS = "No model fits these filters. Clear the search or raise the size."
SELECT_MODEL = "Select a model to see each figure with its source and date."
VERSIONS = "{router} Catalog {catalog} · prompts are read with parameters fitted on {trained_on}."

STATUS_INTRO = "The connected model servers, and how each model that was asked has done lately."
STATUS_EMPTY = (
    "No model server is connected, so there is nothing to show. Omni finds servers on this machine by itself; to add "
    "another, restart with:"
)
STATUS_MODELS = "Models that were asked"
STATUS_NO_MODELS = "No model was asked since the start."
STATUS_NOTE = (
    "Recent answers count most in rates and times. An error lowers a model's availability, never its quality. A server "
    "that keeps failing is left alone for a while, then tried with single requests. Now = requests in progress; "
    "empty = not known yet."
)
BREAKER_STATES: dict[BreakerState, str] = {
    BreakerState.CLOSED: "in use",
    BreakerState.OPEN: "left alone",
    BreakerState.HALF_OPEN: "on trial",
}
STATE_ACCOUNT, STATE_PAUSED, STATE_UNKNOWN = "account problem", "paused", "not heard from"
MARK_LOCAL, MARK_FOUND = "on this machine", "found by itself"
FIGURE_SUCCESS, FIGURE_FIRST, FIGURE_FIRST_95 = "answered lately", "first word, typically", "first word, 95 % within"
FIGURE_SPEED, FIGURE_IN_FLIGHT, FIGURE_ASKED = "speed", "under way", "asked"
NEEDS_LOGIN = "Serves visitors who are logged in, from their own account."
ACCOUNT_PROBLEM = "The account, not the models: {problem}"
NEXT_PROBE = "Left alone for now; the next try is due in {when}."
NEXT_PROBE_NOW = "The next request is a trial."
ERRORS = "Errors so far: {errors}."
LAST_ERROR = "Last: {error}"
LISTING_ASKING = "Has not yet said which models it serves."
LISTING_UNKNOWN = "Does not say which models it serves, so every model is tried by its name. {error}"
LISTING_OLD = "{n} models of the catalog, by an earlier list. {error}"
LISTING_LISTED = "{n} models of the catalog."
LISTING_MORE = " It lists {n} more that the catalog does not know."
TAKEN_TITLE, TAKEN_FOR = "{n} names were recognised by family and size", "is taken for"
ERROR_KINDS: dict[ErrorKind, tuple[str, str]] = {
    ErrorKind.CONNECTION: ("lost connection", "lost connections"),
    ErrorKind.TIMEOUT: ("time-out", "time-outs"),
    ErrorKind.SERVER: ("server error", "server errors"),
    ErrorKind.BROKEN: ("broken answer", "broken answers"),
    ErrorKind.NOT_SERVED: ("model not served", "models not served"),
    ErrorKind.REFUSED: ("request refused", "requests refused"),
    ErrorKind.RATE_LIMITED: ("pause asked for", "pauses asked for"),
    ErrorKind.ACCOUNT: ("account problem", "account problems"),
    ErrorKind.OUTRUN: ("outrun by a second start", "outrun by a second start"),
    ErrorKind.OTHER: ("other error", "other errors"),
}

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
    Safety.FORBIDDEN: "asks for the gravest harm",
}
PARTS = PART_WORDS
LANGUAGES = LANGUAGE_WORDS | {"und": "language not determined"}
