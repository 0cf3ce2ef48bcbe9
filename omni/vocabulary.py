"""The words that people read for tasks, reasons, parts of a score and fields of a model card."""

from omni.types import Preset, Reason, Task

TASK_WORDS: dict[Task, str] = {
    Task.CODE: "coding",
    Task.MATH: "mathematics",
    Task.REASONING: "reasoning",
    Task.KNOWLEDGE: "knowledge",
    Task.INSTRUCTION_FOLLOWING: "following instructions",
    Task.CREATIVE_WRITING: "creative writing",
    Task.SUMMARIZATION: "summarising",
    Task.TRANSLATION: "translation",
    Task.CHAT: "conversation",
    Task.AGENTIC: "using tools",
    Task.VISION: "reading images",
}

REASON_WORDS: dict[Reason, str] = {
    Reason.ROLE: "not made to chat",
    Reason.CONTEXT_WINDOW: "context window too small or not stated",
    Reason.MODALITY: "do not read images",
    Reason.TOOLS: "not known to call tools",
    Reason.STRUCTURED_OUTPUT: "not known to support JSON output",
    Reason.LICENCE: "licence excluded",
    Reason.NOT_ALLOWED: "not on the allow list",
    Reason.DENIED: "on the deny list",
    Reason.OVER_MAX_COST: "over the cost limit",
    Reason.COST_UNKNOWN: "price unknown, so the cost limit cannot be checked",
    Reason.SAFETY: "tuned not to refuse",
    Reason.NO_LIVE_PROVIDER: "not offered by a connected provider",
    Reason.LOCAL_ONLY: "not on this machine",
    Reason.POLICY: "excluded by the operator's policy",
    Reason.LOCKED: "another model is waiting for the results of its tools",
}

PART_WORDS: dict[str, str] = {
    "quality": "quality",
    "cost": "cost",
    "latency": "time",
    "evidence": "uncertainty",
    "hard_prompt": "hard prompt",
    "availability": "failures",
    "switch": "switch",
    "policy": "safety",
    "place": "limit of votes",
}
"""Parts of the score by which candidates are ranked."""

QUALITY_WORDS: dict[str, str] = {
    "mean": "mean over all recorded prompts",
    "similarity": "similar prompts",
    "category": "category",
    "difficulty": "predicted difficulty",
    "limits": "limit to 0–100",
    "feedback": "votes",
    "average_model": "an average model",
    "general": "general ability",
    "task_fit": "fit to the task",
    "language": "language",
    "long_context": "long prompts",
    "tools": "tool use",
    "images": "images",
}
"""Parts of the expected quality; others go by their own name, see `quality_word`."""

PRESET_WORDS: dict[Preset, str] = {
    "balanced": "Balanced",
    "quality": "Best answer",
    "fast": "Fastest",
    "cheap": "Cheapest",
}

FACT_WORDS: dict[str, str] = {
    "price_in_usd_per_mtok": "price in, USD per million tokens",
    "price_out_usd_per_mtok": "price out, USD per million tokens",
    "output_tokens_per_s": "speed, tokens per second",
    "time_to_first_token_s": "seconds to the first word",
    "context_tokens": "context window, tokens",
    "max_output_tokens": "longest answer, tokens",
    "params_total_b": "size, billions of parameters",
    "params_active_b": "active per token, billions of parameters",
    "input_modalities": "reads",
    "supports_tools": "calls tools",
    "supports_reasoning": "reasons first",
    "structured_output": "supports JSON output",
    "license": "licence",
    "release_date": "released",
    "family": "family",
    "variant_of": "variant of",
    "in_huggingchat": "in HuggingChat",
}
"""Fields of a model card in the order that matters for a decision."""

LANGUAGE_WORDS: dict[str, str] = {
    "ar": "Arabic", "bn": "Bengali", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek", "en": "English",
    "es": "Spanish", "fa": "Persian", "fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi",
    "hu": "Hungarian", "id": "Indonesian", "it": "Italian", "ja": "Japanese", "ko": "Korean", "nl": "Dutch",
    "no": "Norwegian", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sv": "Swedish",
    "ta": "Tamil", "th": "Thai", "tr": "Turkish", "uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese",
    "zh": "Chinese",
}  # fmt: skip


def quality_word(name: str) -> str:
    """What a part of the expected quality is called; one that is not listed goes by its name."""
    return QUALITY_WORDS.get(name, name.replace("_", " "))


def part_word(name: str) -> str:
    """The same for a part of the score."""
    return PART_WORDS.get(name, name.replace("_", " "))
