"""``maskrec new``: packages for components, made of the code blocks of the docs; imports no torch.

`page_blocks` reads a page, `kind_templates` says which block is the template of which kind, `package_facts` what
differs between two packages, `new_names` which names are free, `split_file` divides a file, `new_package` writes.
"""
