<div class="sheet">
<h1>No such job</h1>
<p>There is no job or folder of the name <strong>{{name}}</strong>: it was deleted, or it has another name by now.</p>
<form method="get" action="/QM" role="search" class="line">
<label for="q">Look for</label>
<input type="search" id="q" name="q" value="{{name}}">
<button type="submit" class="main">Search</button>
</form>
</div>
