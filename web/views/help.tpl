<h1>Help</h1>
<section class="card" aria-labelledby="h-job">
<h2 id="h-job">A job</h2>
% include('example.tpl', on_help=True)
</section>
<section class="card" aria-labelledby="h-file">
<h2 id="h-file">What a job file can say</h2>
<p>Only <code>script</code> is needed. The same keys stand in <code>infos.xml</code>, or behind <code>#QM</code> in the head of <code>job.sh</code>; options of <code>#SBATCH</code> and <code>#PBS</code> lines that QM has are understood.</p>
<div class="wide" tabindex="0" role="region" aria-label="Keys of a job file">
<table class="keys">
<thead><tr><th>Key</th><th>Meaning</th><th>Example</th></tr></thead>
<tbody>
% for key in keys:
<tr><td><code>{{key.name}}</code></td><td>{{key.meaning}}</td><td><code>{{key.example}}</code></td></tr>
% end
</tbody>
</table>
</div>
</section>
<section class="card" aria-labelledby="h-states">
<h2 id="h-states">States</h2>
<table>
<tbody>
% for state, meaning in states:
<tr><th scope="row"><span class="state {{state.lower()}}">{{state.lower()}}</span></th><td>{{meaning}}</td></tr>
% end
</tbody>
</table>
</section>
<section class="card" aria-labelledby="h-keys">
<h2 id="h-keys">Keys</h2>
<table>
<tbody>
% for press, meaning in presses:
<tr><th scope="row">
% for key in press.split():
<kbd>{{key}}</kbd>
% end
</th><td>{{meaning}}</td></tr>
% end
</tbody>
</table>
<p class="quiet">Whatever changes something asks first.</p>
</section>
<section class="card" aria-labelledby="h-cli">
<h2 id="h-cli">From a terminal</h2>
<table>
<tbody>
% for command, meaning in commands:
<tr><th scope="row"><code>{{command}}</code></th><td>{{meaning}}</td></tr>
% end
</tbody>
</table>
<p class="quiet">Programs use the same things under <a href="/api/v1/openapi.json">/api/v1</a>.</p>
</section>
