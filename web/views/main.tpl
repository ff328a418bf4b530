<h1 class="vh">Jobs</h1>
% if said:
<div class="told" id="told"><p>{{said[0]}}</p>
% if said[1]:
<form method="post" action="/do/restore"><input type="hidden" name="job" value="{{said[1]}}"><button type="submit">Undo</button></form>
% end
</div>
% end
% # The first job is what there is to do; the drop zone stays where it is until the page is loaded again.
% first = board.first_run and board.manager_runs
% if first:
% include('drop.tpl')
% end
<div id="live" data-part="/parts/main" data-tag="{{tag}}" data-every="{{every}}" data-topics="queue progress manager">
% include('board_top.tpl')
</div>
% if not first:
% include('drop.tpl')
% end
<section class="list" aria-labelledby="h-ended" id="ended">
<div class="head">
<h2 id="h-ended">Ended</h2>
<form id="filters" action="/QM" method="get" role="search">
% if filters.states:
<input type="hidden" name="state" value="{{','.join(filters.states).lower()}}">
% end
% if filters.long:
<input type="hidden" name="queue" value="long">
% end
<label class="vh" for="q">Name, description or id</label>
<input id="q" name="q" type="search" value="{{filters.text}}" placeholder="Search   /" autocomplete="off" spellcheck="false" maxlength="200">
% if board.owners or filters.owner:
<label class="vh" for="owner">Owner</label>
<select id="owner" name="owner">
<option value="">every owner</option>
% for owner in dict.fromkeys([*board.owners, *([filters.owner] if filters.owner else [])]):
<option\\
% if owner == filters.owner:
 selected\\
% end
>{{owner}}</option>
% end
</select>
% end
<label class="vh" for="since">Ended since</label>
<select id="since" name="since">
% for word, text in {**since_words, filters.since: since_words.get(filters.since, f'since {filters.since}')}.items():
<option value="{{word}}"\\
% if word == filters.since:
 selected\\
% end
>{{text}}</option>
% end
</select>
<button type="submit">Search</button>
</form>
</div>
<div id="past">
% include('board_ended.tpl')
</div>
</section>
