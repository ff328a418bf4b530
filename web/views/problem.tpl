<div class="sheet">
<h1>{{heading}}</h1>
<p>{{detail}}</p>
% if hint:
<p>{{hint}}</p>
% end
% if status == 401:
<p><a class="button main" href="/login">Log in</a></p>
% else:
<p><a class="button" href="/QM">To the queue</a></p>
% end
<p class="quiet">{{status}}, request {{request_id}}</p>
</div>
