"""What the plugin costs a game, measured beside what its author would pick instead. No test: figures.

    python -m tests.benchmarks                    # everything: half an hour
    python -m tests.benchmarks --quick            # a smoke run: three minutes; its figures mean nothing
    python -m tests.benchmarks --only frames      # measures this row anew, and leaves the others; may be given twice
    python -m tests.benchmarks --only frames --repeat 3    # thrice: the budgets side by side; writes nothing

Run it in the project's root, on a machine that has nothing else to do. It makes a virtual environment of its own
(`.venv-benchmarks`) with the newest peers, lets ours and theirs take turns at the same work, and writes a table
(Markdown and JSON) and plots into `assets/benchmarks/`. All traffic is on loopback.

`rows/` has a file for each row of the table; `subjects.py` knows how a game uses each of the peers; `serve.py` is the
server that all of them send to; `kit.py` is what the rows share; `inside.py`, all that they know of gs_pygame's inside;
`report.py` writes the results.
"""
