"""Puts values back into an OpenAI answer: chunk by chunk, or whole."""

from typing import Any

from omni.privacy.restore import Restorer

_TEXTS = ("content", "reasoning_content", "reasoning", "refusal")
_OLD_CALL = "function_call"
"""The one call of an answer, before there were lists of tool calls."""
_Place = tuple[int, str]
Event = dict[str, Any]


class ChunkRestorer:
    """For one streamed answer: a restorer for each text in it. What it holds back goes out with the finish reason."""

    def __init__(self, restorer: Restorer) -> None:
        self._restorer = restorer
        self._texts: dict[_Place, Restorer] = {}

    def restore(self, chunk: Event) -> Event:
        """The chunk with values back in; an end that may become a placeholder comes with a later one."""
        choices = chunk.get("choices")
        if not choices or not len(self._restorer):
            return chunk
        return {**chunk, "choices": [self._choice(choice) for choice in choices]}

    def _choice(self, choice: Event) -> Event:
        index = choice.get("index") or 0
        delta = dict(choice.get("delta") or {})
        for name in _TEXTS:
            if isinstance(delta.get(name), str):
                delta[name] = self._at(index, name).feed(delta[name])
        for name in [name for name in _TEXTS if choice.get("finish_reason") and (index, name) in self._texts]:
            if rest := self._texts[index, name].flush():
                delta[name] = (delta.get(name) or "") + rest
        if delta.get("tool_calls"):
            delta["tool_calls"] = [self._call(index, call) for call in delta["tool_calls"]]
        if isinstance(delta.get("function_call"), dict):
            delta["function_call"] = self._function(index, _OLD_CALL, delta["function_call"])
        if choice.get("finish_reason"):
            self._flush_calls(index, delta)
        # probabilities are of the model's own text
        return {**choice, "delta": delta, "logprobs": None} if choice.get("logprobs") else {**choice, "delta": delta}

    def _call(self, index: int, call: Event) -> Event:
        if not isinstance(call.get("function"), dict):
            return call
        return {**call, "function": self._function(index, f"call {call.get('index') or 0}", call["function"])}

    def _function(self, index: int, name: str, function: Event) -> Event:
        if not isinstance(function.get("arguments"), str):
            return function
        return {**function, "arguments": self._at(index, name, as_json=True).feed(function["arguments"])}

    def _flush_calls(self, index: int, delta: Event) -> None:
        """Adds what is held back of tool calls' arguments."""
        calls = list(delta.get("tool_calls") or ())
        for (place, name), text in self._texts.items():
            if place == index and name.startswith("call ") and (rest := text.flush()):
                calls.append({"index": int(name.removeprefix("call ")), "function": {"arguments": rest}})
        if calls:
            delta["tool_calls"] = calls
        if (index, _OLD_CALL) in self._texts and (rest := self._texts[index, _OLD_CALL].flush()):
            call = delta.get("function_call") or {}
            delta["function_call"] = {**call, "arguments": call.get("arguments", "") + rest}

    def _at(self, index: int, name: str, *, as_json: bool | None = None) -> Restorer:
        if (index, name) not in self._texts:
            self._texts[index, name] = self._restorer.again(as_json=as_json)
        return self._texts[index, name]
