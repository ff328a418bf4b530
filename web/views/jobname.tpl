<a class="name" href="{{row.address}}">{{row.name}}</a>\\
% if row.id is not None:
 <small class="id">{{row.id}}</small>\\
% end
% if row.info:
<small class="info">{{row.info}}</small>\\
% end
