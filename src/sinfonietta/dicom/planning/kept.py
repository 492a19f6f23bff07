"""What was read once and will be asked for again, kept in memory within a bound."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Kept(Generic[Value]):
    """Values by key, the least used forgotten first. ``most_bytes`` bounds what ``weigh`` says of all together.

    What weighs more than that alone is made anew each time. Many threads may use it; two that ask for the same thing
    at once make it once.
    """

    def __init__(self, most_bytes: int, weigh: Callable[[Value], int]) -> None:
        self._most, self._weigh = most_bytes, weigh
        self._values: OrderedDict[Hashable, tuple[int, Value]] = OrderedDict()
        self._lock = threading.Lock()
        self._making: dict[Hashable, threading.Lock] = {}
        self.size_bytes = 0

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value of ``key``, made if need be; raises what ``make`` raises, and keeps nothing then."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key][1]
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if key in self._values:
                    return self._values[key][1]
            try:
                value = make()
                self._keep(key, value)
            finally:
                with self._lock:
                    self._making.pop(key, None)
        return value

    def __contains__(self, key: Hashable) -> bool:
        with self._lock:
            return key in self._values

    def _keep(self, key: Hashable, value: Value) -> None:
        weight = self._weigh(value)
        if weight > self._most:
            return
        with self._lock:
            self._values[key] = weight, value
            self.size_bytes += weight
            while self.size_bytes > self._most:
                self.size_bytes -= self._values.popitem(last=False)[1][0]
