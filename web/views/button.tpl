% if button.why_not:
<button type="button" disabled title="{{button.why_not}}" aria-label="{{button.verb.word}} {{name}}">{{button.verb.word}}</button>
% else:
<a class="button{{' grave' if button.verb.grave else ''}}" href="{{button.address}}" data-ask\\
% if button.verb.key:
 data-key-press="{{button.verb.key}}"\\
% end
 aria-label="{{button.verb.word}} {{name}}">{{button.verb.word}}</a>
% end
