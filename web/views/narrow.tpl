<p class="narrowed">matching {{' and '.join(filter(None, [f'“{filters.text}”' if filters.text else '', f'owner {filters.owner}' if filters.owner else '']))}} <a href="/QM" data-go>Clear</a></p>
