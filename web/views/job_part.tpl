<div id="live">
% include('job_top.tpl')
</div>
<div id="past">
% include('job_more.tpl')
</div>
