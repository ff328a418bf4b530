<div id="live">
% include('board_top.tpl')
</div>
<div id="past">
% include('board_ended.tpl')
</div>
