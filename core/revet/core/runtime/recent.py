"""What was seen lately: finds an event that comes a second time; bounded in time and in number."""

from collections import OrderedDict


class Recent:
    """Remembers keys for some time, the newest of them where there are too many."""

    def __init__(self, most: int, keep_s: float) -> None:
        """Start empty."""
        self._most = most
        self._keep_s = keep_s
        self._until: OrderedDict[bytes, float] = OrderedDict()

    def add(self, key: bytes, now: float) -> bool:
        """Note a key; tell whether it is new. `now` only rises."""
        until = self._until
        if until.get(key, 0.0) > now:
            return False
        until[key] = now + self._keep_s
        until.move_to_end(key)
        while until and (len(until) > self._most or next(iter(until.values())) <= now):
            until.popitem(last=False)
        return True

    def __len__(self) -> int:
        return len(self._until)
