<div id="ended-part">
<div class="chips" id="chips">
% for chip in board.chips:
<a href="{{chip.address}}" data-go class="chip {{chip.word.lower()}}"\\
% if chip.on:
 aria-current="true"\\
% end
>{{chip.word}} <b>{{f'{chip.count:,}'}}</b></a>
% end
% if board.mine is not None:
<a href="{{board.mine.address}}" data-go class="chip"\\
% if board.mine.on:
 aria-current="true"\\
% end
>Mine</a>
% end
% if filters.any:
<a href="/QM" data-go class="clear">Clear filters</a>
% end
<button type="button" class="new" data-new hidden></button>
</div>
% if board.ended:
<table class="jobs" id="t-ended">
<thead><tr><th class="st">State</th><th class="job">Job</th><th class="why">How it ended</th><th class="n opt">Waited</th><th class="n">Took</th><th class="n t">Ended</th><th class="own">Owner</th><th class="do"><span class="vh">What to do</span></th></tr></thead>
<tbody data-rows data-page="{{filters.address()}}">
% for row in board.ended:
<tr data-key="{{row.key}}" class="{{row.state}}">
<td class="st"><span class="state {{row.state}}">{{row.state}}</span></td>
<td class="job">\\
% include('jobname.tpl', row=row)
</td>
<td class="why">{{row.reason}}</td>
<td class="n opt" data-l="waited">{{row.waited}}</td>
<td class="n" data-l="took">{{row.took}}</td>
<td class="n t" data-l="ended" title="{{stamp(row.ended)}}">{{when(row.ended)}}</td>
<td class="own">{{row.owner}}</td>
<td class="do">\\
% include('buttons.tpl', row=row)
</td>
</tr>
% end
</tbody>
</table>
<p class="paging" id="paging">
<span>{{f'{board.total:,}'}} {{'job' if board.total == 1 else 'jobs'}}</span>
% if board.newer:
<a class="button" href="{{filters.newest()}}" data-go>Newest</a>
<a class="button" href="{{board.newer}}" data-go rel="prev">Newer</a>
% end
% if board.older:
<a class="button" href="{{board.older}}" data-go rel="next">Older</a>
% end
</p>
% elif filters.any:
<p class="quiet" id="none">No ended job matches{{f' “{filters.text}”' if filters.text else ''}}. <a href="/QM" data-go>Clear filters</a></p>
% elif filters.before or filters.after:
<p class="quiet" id="none">There is nothing on this page. <a href="/QM" data-go>Newest</a></p>
% else:
<p class="quiet" id="none">Nothing has ended yet. What has ended lies in QM_dJobs, with its results; what never ran in QM_lost+found, with the reason.</p>
% end
</div>
