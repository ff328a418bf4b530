<p class="way"><a href="{{files.back}}">{{'Jobs' if files.back == '/QM' else files.label}}</a></p>
<h1>Files
% for name, address in files.way[1:]:
/ <a href="{{address}}">{{name}}</a>
% end
</h1>
<p>{{files.label}}: {{files.total}} {{'entry' if files.total == 1 else 'entries'}} here\\
% if files.archive:
; <a href="{{files.archive}}">all of the job as a zip</a>\\
% end
.</p>
% if files.cut:
<p class="quiet">Only the first {{len(files.lines)}} by name are listed; the rest can be seen in the folder itself.</p>
% end
% if files.lines or len(files.way) > 1:
<section>
<table class="files">
<thead><tr>
% for sort, word in (('name', 'Name'), ('size', 'Size'), ('changed', 'Changed')):
<th scope="col"\\
% if sort == 'size':
 class="number"\\
% end
% if sort == files.sort:
 aria-sort="{{'ascending' if sort == 'name' else 'descending'}}"\\
% end
>\\
% if files.cut:
{{word}}\\
% else:
<a href="{{files.way[-1][1]}}?sort={{sort}}">{{word}}</a>\\
% end
</th>
% end
</tr></thead>
<tbody>
% if len(files.way) > 1:
<tr><td class="name"><a href="{{files.way[-2][1]}}">../</a></td><td></td><td></td></tr>
% end
% for line in files.lines:
<tr>
<td class="name">\\
% if line.address:
<a href="{{line.address}}">{{line.name}}{{'/' if line.is_folder else ''}}</a>\\
% else:
{{line.name}}\\
% end
% if line.note:
 <small>{{line.note}}</small>\\
% end
</td>
<td class="number">{{size(line.size)}}</td>
<td title="{{stamp(line.changed)}}">{{when(line.changed)}}</td>
</tr>
% end
</tbody>
</table>
</section>
% else:
<p class="quiet">Nothing is in here.</p>
% end
<p class="quiet">A report (HTML, SVG, PDF) opens apart from QM's page: it shows the pictures, styles and scripts beside it, but cannot load data or send anything.</p>
