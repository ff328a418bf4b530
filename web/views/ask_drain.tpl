% verb = 'Pause the queue' if on else 'Start jobs again'
<h1>{{verb}}?</h1>
<form method="post" action="/do/drain" id="ask" class="ask">
% if on:
<p>No job is started until you start them again. What runs goes on, and new jobs may come.</p>
% else:
<p>Jobs that wait are started as processors become free.</p>
% end
<input type="hidden" name="on" value="{{'yes' if on else 'no'}}">
<p class="choice">
<button type="submit" class="main">{{verb}}</button>
<a class="button" href="/QM" data-close>Leave it</a>
</p>
</form>
