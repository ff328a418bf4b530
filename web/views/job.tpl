<link rel="stylesheet" href="{{static('job.css')}}">
<p class="way"><a href="/QM">← Jobs</a></p>
<div id="live" data-part="/parts/job/{{job.id}}" data-every="{{every}}" data-topics="job:{{job.id}} queue manager">
% include('job_top.tpl')
</div>
% include('job_log.tpl')
<div id="past">
% include('job_more.tpl')
</div>
