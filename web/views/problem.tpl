<h1>{{heading}}</h1>
<p>{{detail}}</p>
% if hint:
<p>{{hint}}</p>
% end
<p class="quiet">{{status}}, request {{request_id}}</p>
