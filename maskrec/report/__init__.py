"""Pages that show runs to people: one self-contained HTML file a run, and an index over many; no torch.

``report_writing`` is the way in. It reads with ``run_facts``, makes sections with ``training_section``,
``evaluation_sections`` and ``record_sections``, whose plots are drawn by ``page_plots``, and renders them with
``page_rendering``. ``report_index`` makes the index.
"""
