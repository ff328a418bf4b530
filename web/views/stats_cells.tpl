% for count in (group.jobs, group.finished, group.failed, group.killed, group.lost, group.other):
<td class="n">{{count}}</td>
% end
<td class="n">{{f'{group.processor_hours:,.1f}'}}</td><td class="n">{{f'{group.cpu_hours:,.1f}'}}</td>
% for seconds in (group.wait_median, group.wait_mean, group.run_median, group.run_mean):
<td class="n">{{span(seconds) or '–'}}</td>
% end
