"""Every sentence that a visitor of the benchmark tab reads, except the names and units in the pictures."""

INTRO = (
    "Does choosing a model per prompt beat one fixed model? Pick a recording of real answers by real models and press "
    "**Replay**. Every policy then picks a model for each test prompt and gets that model's recorded score and cost. "
    "No model is called and nothing leaves this machine."
)
EMPTY_TITLE = "What you will see here"
EMPTY_STEPS = (
    "A verdict in one sentence, with the number of prompts and a 95 % interval; it says no when the answer is no.",
    "Pictures: the gain at equal cost, quality against cost and latency, categories, where prompts were sent.",
    "Every figure as a table and as files, the prompts where the pick was wrong, and earlier runs to compare with.",
)
RECORDING = "Recording"
RECORDING_SIZES = "{n_prompts:,} prompts · {n_models} models · {languages} · {licence}"
POLICIES = "Policies"
POLICIES_INFO = "The mixture, the best single model and the oracle always run: the others are judged against them."
POLICIES_TITLE = "What each policy does"
POLICY_GLOSSARY = """
Each learns from the recording's fit prompts and picks a model for each test prompt; only the oracle sees test scores.

- **omni**: the router of the Chat, fitted on this recording. **omni, public**: the same router by public benchmarks,
  without the recording's scores.
- **best single**: the model with the best mean score, for every prompt.
- **mixture**: two fixed models alternated at random, weighted to spend any given budget. It never reads the prompt.
- **oracle**: the best model of each prompt, known afterwards. No policy can do better.
- **kNN**: what did best on the most similar prompts. **k-means**: what did best in the prompt's cluster.
- **ridge**: a linear prediction of each model's score. **matrix fact.**: the same through a few shared factors.
- **task table**: what did best in the prompt's category, of which no other policy is told.
- **random**: any model. **cheapest**: always the cheapest.
"""
SEED = "Seed"
SEED_INFO = "Of random picks, folds and intervals. The same seed gives the same figures."
MORE = "More settings"
REPLAY = "Replay"
STOP = "Stop"
READY = "Ready."
USE = "Use this router in Chat"
USE_INFO = (
    "Fits **omni** on this recording, exactly as judged here, and lets it choose in your Chat. Other visitors keep "
    "theirs."
)
FITTING_ROUTER = "Fitting the router of {recording}"
FIT_STOPPED = "Stopped. Chat keeps the router it had."
IN_USE = "Chat now uses this router: {title}."
FITTING = "{policy} learns and picks"
STARTING = "Starting"
FAILED_POLICY = "{policy} could not run: {reason}"
TOO_MANY_REPLAYS = (
    "{n} replays from your address are running or waiting; {at_most} at most. Wait for one to end, or stop it."
)
WAITING = "Waiting for another replay to end"
STOPPING = "Stopped. Nothing was kept."
DONE = "Done in {seconds:.1f} s."
FROM_CACHE = "Shown from memory: the same recording, policies, seed and code as before."
OPENED = "Opened the run of {when}."
NOT_KEPT = "This run is in memory only: there is no run store."
NOT_KEPT_BECAUSE = "This run is in memory only: {reason}"
KEPT = "Kept as run {run_id}."
NO_RUN = "Press Replay first."
RUN_GONE = "That run is no longer in memory. Press Replay, or open it under Earlier runs."
UNEXPECTED = "Something went wrong on our side. It was logged; please try again."
UNKNOWN_RECORDING = "unknown recording {name!r}; expected one of: {known}."
BAD_SEED = "seed {seed!r} cannot be used; give a whole number from 0 to 4294967295."
NO_RECORDINGS = "No recordings are shipped with this copy, so there is nothing to replay."

FACTS = "**{sizes}**  \nA score of 1 means: {meaning}  \nSource: {source}"

TAB_GAIN = "Gain at equal cost"
TAB_COST = "Quality and cost"
TAB_LATENCY = "Latency"
TAB_CATEGORIES = "Categories"
TAB_DESTINATIONS = "Destinations"
TAB_CALIBRATION = "Calibration"
TAB_FIGURES = "Figures"
TAB_MISSES = "Wrong picks"
TAB_EARLIER = "Earlier runs"

CAPTION_GAIN = (
    "A comparison at equal cost: the **mixture** spends the same money by alternating two fixed models at random, "
    "without a router. Above 0 the policy is better, below 0 the mixture is. Bars are 95 % intervals."
)
CAPTION_COST = (
    "Up and to the left is better. Each line is one policy with its dial turned from full quality to cheap; the dashed "
    "line is the mixture of fixed models; the blue dotted line is the best single model's cost. The oracle knows every "
    "score in advance, so no policy can reach it. Ringed points are the presets of the Chat."
)
CAPTION_LATENCY = (
    "Each policy at full quality, beside the single models. Up and to the left is better. Where the recording timed "
    "its answers, a line is the router's dial from full quality to fast; where it did not, seconds are estimates."
)
CAPTION_CATEGORIES = (
    "Points above or below the best single model, per category, with the number of prompts. Bold: the 95 % interval "
    "excludes 0."
)
CAPTION_DESTINATIONS = "Which models a policy sent its prompts to, at full quality."
CAPTION_CALIBRATION = (
    "When a policy expects 70 % of its picks to be right, are 70 % right? On the diagonal: yes. Bins under 10 picks "
    "are left out. The legend says how many points a policy is off on average, and in brackets how many a policy that "
    "is right would seem to be off by chance alone."
)
CAPTION_FIGURES = "All figures are of the test prompts. A dash means not known or not defined."
CAPTION_MISSES = "{policy} fell short of the best model on {n_missed:,} of {n_scored:,} scored test prompts."
MISSES_NOTE = " Scores run from 0 to 1. Recordings shipped here hold no texts, so prompts go by their id."
CAPTION_MISSES_CUT = " The {n_shown:,} costliest are listed."
NO_MISSES = "Nothing to list: {policy} has no pick here that another model would have beaten."
CAPTION_EARLIER = "Runs kept on this machine, newest first. Open one, or choose two and compare them."
NO_STORE = "Runs are not kept: no run store is open. Results stay in memory until the app stops."
NO_EARLIER = "No run has been kept yet. Press Replay to make the first."
COMPARE_NEEDS_TWO = "Choose exactly two runs to compare; {n} chosen."
OPEN_NEEDS_ONE = "Choose exactly one run to open; {n} chosen."
COMPARED = "**A** {first} · **B** {second}. Differences are B minus A."

COST_SCALE = "Cost axis"
LOG = "logarithmic"
LINEAR = "linear"
DESTINATIONS_OF = "Show"
ALL_POLICIES = "all policies"
BY_CATEGORY = "{policy}, by category"
MISSES_OF = "Policy"
EARLIER_PICK = "Runs"
OPEN = "Open"
COMPARE = "Compare"
REFRESH = "Refresh"
SINGLES = "Single models"
GLOSSARY_TITLE = "What the columns mean"
GLOSSARY = """
- **Score**: mean over the scored test prompts at full quality, with its 95 % interval.
- **Gain**: score minus the mixture's at the same mean cost, mean over budgets of 10 to 100 % of the best
  single model's.
- **Seconds**: median over the picks, recorded or estimated. **Mean wait**, **95 % within**: of the picks that the
  recording timed, with their number.
- **Mean height**: mean height of the policy's cost-quality line from the cheapest to the best single model (AIQ).
- **Cost to match**: cheapest setting not below the best single model, in % of its cost.
- **Gap closed**: how far the policy gets from the best single model to the oracle.
- **Worst category**: where it stands worst against the best single model, in points.
- **Calibration error**: mean distance between predicted and observed quality of the picks.
- **Arena score**: RouterArena's weighing of score and cost. **p (Holm)**: against the best single model, adjusted for
  the number of policies. **Routing**: median time to route one prompt.
"""
DOWNLOADS = ("Figures, CSV", "Figures, Parquet", "Picks, CSV", "Picks, Parquet")

VERDICT_YES = "Yes."
VERDICT_NO = "No."
VERDICT_PARTLY = "Partly."
VERDICT_UNKNOWN = "Unknown."
OVER_MIXTURE = "At equal cost {policy} beats alternating two fixed models by {gain} points"
UNDER_MIXTURE = "At equal cost {policy} is {gain} points worse than alternating two fixed models"
LEVEL_WITH_MIXTURE = "{policy} has no clear gain over alternating two fixed models at the same cost ({gain} points"
INTERVAL = "95 % interval {range}"
UNKNOWN_COSTS = "Costs are unknown here, so {policy} cannot be compared at equal cost"
UNKNOWN_GAIN = "At equal cost there is nothing to compare {policy} with here"
NOTHING_TO_TRADE = "There is nothing to trade here: the best fixed model, {model}, is also the cheapest"
FEW_BUDGETS = "mean of {n} of {n_all} budgets"
OVER_SINGLE = "at full quality it beats the best fixed model, {model}, by {difference} points ({range})"
UNDER_SINGLE = "at full quality it is worse than the best fixed model, {model}, by {difference} points ({range})"
LEVEL_WITH_SINGLE = (
    "at full quality it has no clear lead over the best fixed model, {model} ({difference} points, {range})"
)
COUNT = "n = {n:,} test prompts"
POWER = "About {n:,} test prompts would be needed to show a difference this small."
NO_ROUTER = "No routing policy was in this run, so there is nothing to judge."

TILE_GAIN = "gain at equal cost"
TILE_DIFFERENCE = "against the best fixed model"
TILE_MATCH = "of its cost is enough to match it"
TILE_GAP = "of the way from it to the oracle"
TILE_WORST = "worst category: {category}"
TILE_ROUTING = "to route one prompt"
