<div id="top" data-title="{{job.title}}" data-state="{{'down' if not job.manager_runs else 'running' if job.runs else 'idle'}}" data-share="{{job.share}}" data-attempt="{{job.attempt}}" data-runs="{{'yes' if job.runs else 'no'}}">
% if not job.manager_runs:
<div class="down" id="down" role="alert"><p><strong>QM is not running.</strong> What is shown is as it was last; <a href="/QM">the queue</a> tells what to do.</p></div>
% end
<div class="jobhead" id="jobhead">
<h1>{{job.name}} <small>{{job.id}}</small> <span class="state {{job.state}}">{{job.state}}</span></h1>
<p class="dobar" id="dobar">
% for button in job.buttons:
% include('button.tpl', button=button, name=job.name)
% end
% if sees:
<a class="button" href="/job/{{job.id}}/archive.zip">Download zip</a>
% end
</p>
</div>
% if job.info:
<p class="quiet" id="jobinfo">{{job.info}}</p>
% end
% if job.runs:
<p class="jobbar" id="jobbar">
% if job.row.fraction is not None:
<progress value="{{job.row.fraction}}" aria-label="Progress"></progress> <b>{{job.row.percent}}</b> \\
% if job.row.progress.replace(' ', '') != job.row.percent.replace(' ', ''):
<span class="quiet">{{job.row.progress}}</span>\\
% end
% else:
<span class="quiet">Its log tells no progress\\
% if job.usual:
; {{job.usual}}\\
% end
.</span>
% end
</p>
% end
<dl class="facts" id="facts">
% for fact in job.head:
<div><dt>{{fact.word}}</dt><dd title="{{stamp(fact.text) if fact.is_time else fact.title}}">{{when(fact.text) if fact.is_time else fact.text}}</dd></div>
% end
</dl>
% if job.story:
<p class="story {{job.state}}" id="story">
% for sentence in job.story:
{{sentence}}
% end
</p>
% end
% if error:
<p class="firsterror" id="firsterror"><span class="quiet">The log tells:</span> <code>{{error}}</code></p>
% end
</div>
