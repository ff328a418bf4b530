<p>A job is a folder with the files of your work and one more, <code>proc_config.cfg</code>:</p>
<div class="copybox"><pre id="example">[QMOptions]
nb_proc : 1
info : what this job is
script : python my_script.py</pre>
<button type="button" data-copy="example" aria-label="Copy the example" hidden>Copy</button></div>
<p>Once copied, it starts by itself as soon as its processors are free, and comes back with its results in <code>QM_dJobs</code>.\\
% if not get('on_help'):
 <a href="/help">All that a job file can say</a>\\
% end
</p>
