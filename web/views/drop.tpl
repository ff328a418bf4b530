<section id="drop" class="drop{{' first' if first else ''}}" aria-labelledby="h-drop" data-folder="{{waiting_folder}}" data-may="{{'yes' if caller.word == 'operator' else 'no'}}">
<div class="how">
<h2 id="h-drop">{{'Your first job' if first else 'New job'}}</h2>
<p>Copy a job folder into <code id="q-folder">{{waiting_folder}}</code> <button type="button" class="quiet" data-copy="q-folder" hidden>Copy path</button></p>
% if board.first_run and caller.word == 'operator':
<form method="post" action="/do/demo"><p><button type="submit" class="main">Run a sample job</button> which counts to 30, to see how it goes</p></form>
% end
</div>
<details\\
% if board.first_run:
 open\\
% end
>
<summary>What a job looks like</summary>
% include('example.tpl')
</details>
</section>
