<div class="head">
<h1>Files</h1>
% if files.archive:
<a class="button" href="{{files.archive}}">Download zip</a>
% end
</div>
<p class="way"><a href="{{files.back}}">{{'Jobs' if files.back == '/QM' else files.label}}</a>
% for name, address in files.way[1:] if files.back != '/QM' else files.way:
/ <a href="{{address}}">{{name}}</a>
% end
</p>
<section class="list" aria-label="Entries">
% if files.lines or len(files.way) > 1:
<table class="files">
<thead><tr>
% for sort, word in (('name', 'Name'), ('size', 'Size'), ('changed', 'Changed')):
<th scope="col"\\
% if sort != 'name':
 class="n"\\
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
<tr><td><a href="{{files.way[-2][1]}}">../</a></td><td></td><td></td></tr>
% end
% for line in files.lines:
<tr>
<td>\\
% if line.address:
<a href="{{line.address}}">{{line.name}}{{'/' if line.is_folder else ''}}</a>\\
% else:
{{line.name}}\\
% end
% if line.note:
 <small>{{line.note}}</small>\\
% end
</td>
<td class="n">{{size(line.size)}}</td>
<td class="n" title="{{stamp(line.changed)}}">{{when(line.changed)}}</td>
</tr>
% end
</tbody>
</table>
% else:
<p class="quiet">Nothing is in here.</p>
% end
</section>
% if files.cut:
<p class="quiet">The first {{len(files.lines)}} of {{files.total}} entries, by name; the zip and the folder itself have all of them.</p>
% end
% if files.has_reports:
<p class="quiet">A report (HTML, SVG, PDF) opens apart from QM's page: it shows the pictures, styles and scripts beside it, but cannot load data or send anything.</p>
% end
