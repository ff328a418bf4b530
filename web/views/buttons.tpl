% for button in row.buttons[:1]:
% include('button.tpl', button=button, name=row.name)
% end
% if row.buttons[1:]:
<details class="more"><summary aria-label="More to do with {{row.name}}">⋯</summary><div>
% for button in row.buttons[1:]:
% include('button.tpl', button=button, name=row.name)
% end
</div></details>
% end
