<section class="list" id="files" aria-labelledby="h-files">
<div class="head"><h2 id="h-files">Files</h2>
% if sees:
<p><a href="/job/{{job.id}}/files">All files of the job</a></p>
% else:
<p class="quiet">Only an operator may see them.</p>
% end
</div>
% if job.folder:
<p class="quiet">They lie in <code id="folder">{{job.folder}}</code> <button type="button" class="quiet" data-copy="folder">Copy</button></p>
% else:
<p class="quiet">Its folder is gone: somebody took it away.</p>
% end
</section>
<section class="list" id="about" aria-labelledby="h-about">
<h2 id="h-about">Info</h2>
% if not (job.command or job.options or job.notes or info_file):
<p class="quiet">QM could read nothing that tells what it is to run.</p>
% end
% if job.command:
<p>Command</p>
<pre id="command">{{job.command}}</pre>
% end
% for note in job.notes:
<p class="quiet">{{note}}</p>
% end
% if job.options:
<table class="plain">
<caption class="vh">Options that differ from the usual</caption>
<tbody>
% for fact in job.options:
<tr><th scope="row">{{fact.word}}</th><td>{{fact.text}}
% if fact.title:
<small>{{fact.title}}</small>
% end
</td></tr>
% end
</tbody></table>
% end
% if job.environment and sees:
<details><summary>Environment that the job sets ({{len(job.environment)}})</summary>
<table class="plain"><tbody>
% for name, value in job.environment:
<tr><th scope="row"><code>{{name}}</code></th><td><code>{{value}}</code></td></tr>
% end
</tbody></table></details>
% end
% if info_file:
<details><summary>{{info_name}}</summary>
<pre>
{{info_file}}</pre></details>
% end
</section>
<section class="list" id="resources" aria-labelledby="h-resources">
<h2 id="h-resources">Resources
% if run is not None and usage is not None:
 <span class="count">over time, of attempt {{run}}</span>
% end
</h2>
<dl class="facts">
% for fact in job.resources:
<div><dt>{{fact.word}}</dt><dd>{{fact.text}}</dd></div>
% end
</dl>
% if usage is not None:
<div class="plots" id="usage">
<figure class="plot">
<figcaption>Processors in use: {{usage.cores_told}}</figcaption>
% include('plot_series.tpl', series=usage.cores, height=96, unit='')
</figure>
<figure class="plot">
<figcaption>Memory: {{usage.memory_told}}</figcaption>
% include('plot_series.tpl', series=usage.memory, height=96, unit=usage.memory_unit)
</figure>
</div>
<details>
<summary>The same as a table</summary>
<table class="plain">
<thead><tr><th scope="col">Until</th><th scope="col" class="n">Processors</th><th scope="col" class="n">Memory</th><th scope="col" class="n">Processes</th></tr></thead>
<tbody>
% for row in usage.rows:
<tr><th scope="row">{{row.until}}</th><td class="n">{{row.cores}}</td><td class="n">{{row.memory}}</td><td class="n">{{row.processes}}</td></tr>
% end
</tbody></table>
</details>
% end
</section>
<section class="list" id="history" aria-labelledby="h-history">
<h2 id="h-history">History</h2>
% if job.attempts or job.earlier:
<div class="wide" tabindex="0" role="region" aria-label="Earlier attempts and runs">
<table class="plain">
<thead><tr><th scope="col">Run</th><th scope="col">State</th><th scope="col">Why</th><th scope="col">Started</th><th scope="col" class="n">Took</th><th scope="col" class="n">Processor time</th><th scope="col" class="n">Memory</th></tr></thead>
<tbody>
% for one in (*reversed(job.attempts), *job.earlier):
<tr><td><a href="{{one.address}}">{{one.label}}</a></td><td>
% if one.state:
<span class="state {{one.state}}">{{one.state}}</span>
% else:
–
% end
</td><td class="why">{{one.reason}}</td><td title="{{stamp(one.started)}}">{{when(one.started)}}</td><td class="n">{{one.took}}</td><td class="n">{{one.cpu}}</td><td class="n">{{one.memory}}</td></tr>
% end
</tbody></table>
</div>
% else:
<p class="quiet">No earlier attempt, and no other ended job of this name.</p>
% end
</section>
