"""Ours and what a user would take instead, side by side: what is measured, part by part.

Each part is a module of this folder with

- ``HEADING``: of its section;
- ``prepare(folder, quick)``: write what its measurements read;
- ``RUNS``: dict from names to functions of folder and repetition, each called in a fresh process
  with one thread; they return a dict of figures. Heavy imports are made inside, so that a process
  holds nothing of the other side;
- ``repetitions(quick)``: how often all of them run, in turn;
- ``report(records)``: Markdown of a table with a row for each run and repetition.

With ``quick`` sizes are tiny and nothing of the corpus is read.
"""

PARTS = ("peaks", "fitting", "text_to_map", "map_to_text", "search", "growth", "profiles")
