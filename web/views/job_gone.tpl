<div id="live">
<div id="top" data-title="Job {{id}} is gone – QM" data-state="idle" data-share="" data-attempt="" data-runs="no">
<div class="notice" id="gone"><p><strong>Job {{id}} is not here any more.</strong> It was deleted, or somebody took its folder away.</p>
% if caller.word == 'operator':
<form method="post" action="/do/restore"><input type="hidden" name="job" value="{{id}}"><button type="submit">Undo the deletion</button></form>
% end
</div>
</div>
</div>
<div id="past"></div>
