<h1>Statistics</h1>
<section class="list" aria-labelledby="h-stats">
<div class="head">
<h2 id="h-stats">Jobs that have ended, by {{' and '.join(by)}}</h2>
% if total.jobs:
<p><a class="button" href="{{href('stats.csv', by=way)}}" download>Download CSV</a></p>
% end
</div>
<nav class="chips" aria-label="Group by">
% for word, names in ways.items():
<a class="chip" href="{{href('stats', by=word)}}"\\
% if word == way:
 aria-current="page"\\
% end
>{{' and '.join(names)}}</a>
% end
</nav>
% if not total.jobs:
<p>Nothing has ended yet. When a job ends, it is counted here: how it ended, what it used, how long it waited and ran. <a href="/help">Help</a> shows what a job looks like.</p>
% else:
<dl class="tiles">
<div><dt>Jobs</dt><dd><b>{{total.jobs}}</b> ended</dd></div>
<div><dt>Went well</dt><dd><b>{{f'{100 * total.finished / total.jobs:.0f}'}} %</b> {{total.finished}} finished</dd></div>
<div><dt>Processor hours</dt><dd><b>{{f'{total.processor_hours:,.1f}'}}</b> {{f'{total.cpu_hours:,.1f}'}} computed</dd></div>
<div><dt>Usual wait</dt><dd><b>{{span(total.wait_median) or '–'}}</b></dd></div>
<div><dt>Usual run</dt><dd><b>{{span(total.run_median) or '–'}}</b></dd></div>
</dl>
% if left_out:
<p class="narrowed">These are the {{len(groups)}} groups with most jobs; {{left_out}} more are in the CSV.</p>
% end
<div class="wide" tabindex="0" role="region" aria-label="The numbers as a table">
<table class="stats">
<thead>
<tr>
% for name in by:
<th scope="col">{{name.capitalize()}}</th>
% end
% for head in ('Jobs', 'Finished', 'Failed', 'Killed', 'Lost', 'Other'):
<th scope="col" class="n">{{head}}</th>
% end
<th scope="col" class="n"><abbr title="processors times the time that jobs had them, over all attempts">Proc. hours</abbr></th>
<th scope="col" class="n"><abbr title="what their processes computed">CPU hours</abbr></th>
<th scope="col" class="n"><abbr title="from submission to the first start: half of the jobs waited less">Wait, median</abbr></th>
<th scope="col" class="n">mean</th>
<th scope="col" class="n"><abbr title="of the attempt that decided how the job ended">Run, median</abbr></th>
<th scope="col" class="n">mean</th>
</tr>
</thead>
<tbody>
% for key, group in groups:
<tr>
% for number, part in enumerate(key):
% if number == 0:
<th scope="row">{{part}}</th>
% else:
<td>{{part}}</td>
% end
% end
% include('stats_cells.tpl', group=group)
</tr>
% end
</tbody>
% if len(groups) > 1:
<tfoot>
<tr><th scope="row">All</th>
% for _ in by[1:]:
<td></td>
% end
% include('stats_cells.tpl', group=total)
</tr>
</tfoot>
% end
</table>
</div>
<p class="quiet">As of {{when(at)}}. Other: cancelled, aborted or refused. A month is that of the end. Jobs whose folders are gone count as well.</p>
% end
</section>
