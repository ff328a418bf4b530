<h1>Jobs</h1>
<p>{{page.folder}}</p>
% if not page.manager_runs:
<div class="down" role="alert">
<p><strong>QM is not running.</strong>
% if page.folder_exists:
Nothing new is started. Jobs that run go on; QM collects their ends when it runs again.</p>
<p>Start it: <code>{{page.start_command}}</code></p>
% else:
There is no folder {{page.folder}}.</p>
<p>Make it: <code>{{page.start_command}}</code></p>
% end
</div>
% end
% for listing in page.listings:
<section>
<h2>{{listing.title}} <span class="count">{{listing.total}}</span></h2>
% if listing.lines:
<table>
<thead><tr><th>Id</th><th>Name</th><th>State</th><th>Processors</th><th>Owner</th><th>Time</th><th>Reason</th></tr></thead>
<tbody>
% for line in listing.lines:
<tr>
<td class="number">{{line.id}}</td>
<td class="name">{{line.name}}
% if line.info:
<small>{{line.info}}</small>
% end
</td>
<td><span class="state {{line.state.lower()}}">{{line.state}}</span></td>
<td class="number">{{line.nb_proc}}</td>
<td>{{line.owner}}</td>
<td>{{line.time}}</td>
<td class="reason">{{line.reason}}</td>
</tr>
% end
</tbody>
</table>
% if listing.more:
<p class="quiet">and {{listing.more}} more; <code>qm list</code> shows all.</p>
% end
% else:
<p class="quiet">{{listing.if_empty}}</p>
% end
</section>
% end
<footer>As of {{page.at}}.</footer>
