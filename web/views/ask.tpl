<h1>{{heading}}</h1>
<form method="post" action="/do/{{verb.name}}" id="ask" class="ask">
<p>It {{stands}}\\
% if owner:
; its owner is {{owner}}\\
% end
.</p>
<p>{{consequence}}</p>
% if problem:
<p class="wrong" role="alert">{{problem}}</p>
% end
<input type="hidden" name="job" value="{{entry.id}}">
<input type="hidden" name="back" value="{{back}}">
% if verb.name == 'priority':
<p><label for="priority">Priority</label>
<input id="priority" name="priority" type="number" value="{{entry.priority or 0}}" min="-999999999" max="999999999" required></p>
% end
<p class="choice">
<button type="submit" class="{{'grave' if verb.grave else 'main'}}">{{'Set priority' if verb.name == 'priority' else verb.word}}</button>
<a class="button" href="{{back}}" data-close>Leave it</a>
</p>
</form>
