% tiles = board.tiles
% drained_off = board.why_not('drain')
<div id="top" data-title="{{board.title}}" data-state="{{'down' if not board.manager_runs else 'running' if board.running else 'idle'}}" data-share="{{board.share}}" data-newer="{{round(1000 * board.newer_in) or ''}}">
% if not board.manager_runs:
<div class="down" id="down" role="alert">
<p><strong>QM is not running.</strong>
% if board.folder_exists:
Nothing new is started. Jobs that run go on; QM collects their ends when it runs again.</p>
<p>Start it: <code id="start">{{board.start_command}}</code> <button type="button" class="quiet" data-copy="start" hidden>Copy</button></p>
% else:
There is no folder {{board.folder}}.</p>
<p>Make it: <code id="start">{{board.start_command}}</code> <button type="button" class="quiet" data-copy="start" hidden>Copy</button></p>
% end
</div>
% elif board.obstacle:
<div class="notice" id="notice" role="status">
<p><strong>Nothing is started.</strong> {{board.obstacle}}</p>
% if board.drained:
% if drained_off:
<button type="button" disabled title="{{drained_off}}">Start jobs again</button>
% else:
<a class="button" href="/ask/drain?on=no" data-ask>Start jobs again</a>
% end
% end
</div>
% end
% if board.indexing:
<p class="notice" id="indexing">{{board.indexing}}</p>
% end
<dl class="tiles" id="tiles">
<div><dt>Running</dt><dd><b>{{tiles.running}}</b> <span>{{tiles.cores}}</span>
% if tiles.cores_share is not None:
<progress value="{{tiles.cores_share}}" aria-label="Processors that jobs use"></progress>
% end
</dd></div>
<div><dt>Queued</dt><dd><b>{{f'{tiles.queued:,}'}}</b> <span>{{tiles.queue_note}}</span></dd></div>
<div><dt>Today</dt><dd><a href="{{tiles.done_address}}" data-go><b>{{f'{tiles.done:,}'}}</b> finished</a>
<a href="{{tiles.failed_address}}" data-go class="{{'bad' if tiles.failed else 'none'}}"><b>{{f'{tiles.failed:,}'}}</b> failed</a></dd></div>
<div><dt>This machine</dt><dd><b>{{f'{tiles.processors:.0f}'}} %</b> <span>{{tiles.load or 'of the processors'}}</span>
<progress value="{{f'{tiles.processors / 100:.2f}'}}" aria-label="Processors in use"></progress></dd></div>
<div><dt>Memory</dt><dd><b>{{f'{tiles.memory * 100:.0f}'}} %</b> <span>of {{tiles.memory_total}}</span>
<progress value="{{f'{tiles.memory:.2f}'}}" aria-label="Memory in use"></progress></dd></div>
<div><dt>Disk</dt><dd\\
% if tiles.disk_alarm:
 class="bad"\\
% end
><b>{{tiles.disk_free or '–'}}</b> <span>free</span>
% if tiles.disk is not None:
<progress value="{{f'{tiles.disk:.2f}'}}" aria-label="Disk in use"></progress>
% end
</dd></div>
</dl>
<section class="list" aria-labelledby="h-running" id="running">
<div class="head"><h2 id="h-running">Running <span class="count">{{len(board.running)}}</span></h2>
% if filters.narrow:
% include('narrow.tpl')
% end
<button type="button" class="new" data-new hidden></button></div>
% if board.running:
<table class="jobs">
<thead><tr><th class="st">State</th><th class="job">Job</th><th class="bar">Progress</th><th class="n l">Left</th><th class="n">Elapsed</th><th class="n s">Cores</th><th class="n s">CPU</th><th class="n">Memory</th><th class="own">Owner</th><th class="do"><span class="vh">What to do</span></th></tr></thead>
<tbody data-rows>
% for row in board.running:
<tr data-key="{{row.key}}">
<td class="st"><span class="state {{row.state}}">{{row.state}}</span></td>
<td class="job">\\
% include('jobname.tpl', row=row)
</td>
<td class="bar">\\
% if row.fraction is not None:
<progress value="{{row.fraction}}" aria-label="Progress of {{row.name}}"></progress> <b>{{row.percent}}</b> \\
% if row.progress.replace(' ', '') != row.percent.replace(' ', ''):
<small>{{row.progress}}</small>\\
% end
% else:
<span class="quiet">tells no progress</span>\\
% end
</td>
<td class="n" data-l="left" title="{{row.left_title}}">{{row.left}}</td>
<td class="n" data-l="elapsed" title="{{stamp(row.started)}}">{{row.elapsed}}</td>
<td class="n s" data-l="cores">{{row.cores}}</td>
<td class="n s" data-l="cpu">{{row.cpu}}</td>
<td class="n" data-l="memory">{{row.memory}}</td>
<td class="own">{{row.owner}}</td>
<td class="do">\\
% include('buttons.tpl', row=row)
</td>
</tr>
% end
</tbody>
</table>
% else:
<p class="quiet">{{'No running job matches.' if filters.narrow else 'Nothing runs.'}}</p>
% end
</section>
<section class="list" aria-labelledby="h-waiting" id="waiting">
<div class="head"><h2 id="h-waiting">Queued <span class="count">{{f'{len(board.waiting) + board.more_waiting:,}'}}</span></h2>
% if filters.narrow:
% include('narrow.tpl')
% end
<button type="button" class="new" data-new hidden></button>
% if board.manager_runs and not board.drained:
% if drained_off:
<button type="button" class="quiet" disabled title="{{drained_off}}">Pause queue</button>
% else:
<a class="button quiet" href="/ask/drain?on=yes" data-ask>Pause queue</a>
% end
% end
</div>
% if board.waiting:
<table class="jobs">
<thead><tr><th class="st">State</th><th class="job">Job</th><th class="why">Why it waits</th><th class="n">Starts</th><th class="n">Waits</th><th class="n s">Cores</th><th class="n s opt">Priority</th><th class="own">Owner</th><th class="do"><span class="vh">What to do</span></th></tr></thead>
<tbody data-rows>
% for row in board.waiting:
<tr data-key="{{row.key}}">
<td class="st"><span class="state {{row.state}}">{{row.state}}</span></td>
<td class="job">\\
% include('jobname.tpl', row=row)
</td>
<td class="why">{{row.reason}}</td>
<td class="n" data-l="starts">{{row.starts}}</td>
<td class="n" data-l="waits" title="{{stamp(row.submitted)}}">{{row.waits}}</td>
<td class="n s" data-l="cores">{{row.cores}}</td>
<td class="n s opt" data-l="priority">{{row.priority}}</td>
<td class="own">{{row.owner}}</td>
<td class="do">\\
% include('buttons.tpl', row=row)
</td>
</tr>
% end
</tbody>
</table>
% if board.more_waiting or board.queue_switch:
<p class="paging" id="queue-more"><span>\\
% if board.more_waiting:
and {{f'{board.more_waiting:,}'}} more that start later\\
% if filters.long:
; a search finds them, <code>qm list</code> shows all\\
% end
% end
</span>
% if board.queue_switch:
<a class="button" href="{{board.queue_switch}}" data-go>{{'Show less' if filters.long else 'Show more'}}</a>
% end
</p>
% end
% else:
<p class="quiet">{{'No queued job matches.' if filters.narrow else 'Nothing waits. Drop a job folder into QM_qJobs.'}}</p>
% end
</section>
</div>
