#!/bin/sh
# SPDX-License-Identifier: MIT
# One connection of a notification daemon as one writes it in an afternoon: socat, a shell and
# jq. For comparison only. $STAMP and $STAMP_FILE say what it starts for a message; without
# them nothing.
while IFS= read -r line; do
  title=$(printf '%s' "$line" | jq -r '.title // "Claude Code"') || continue
  message=$(printf '%s' "$line" | jq -r '.message // ""') || continue
  session=$(printf '%s' "$line" | jq -r '.session_id // ""') || continue
  if [ -n "${STAMP-}" ]; then
    "$STAMP" "${STAMP_FILE-}" "$title" "$message" "$session"
  fi
done
