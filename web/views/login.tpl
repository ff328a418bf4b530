<div class="sheet">
<h1>Log in</h1>
% if wrong:
<p class="wrong" role="alert">{{wrong}}</p>
% end
% if who.logged_in:
<p>You are logged in as {{who.word}}.</p>
% end
<p>On the machine where QM runs, <code>qm web login</code> prints a link that logs you in.</p>
% if has_token:
<p>From elsewhere, use the token that <code>qm web token</code> shows there.</p>
<form class="login" method="post" action="/login">
<input type="hidden" name="next" value="{{afterwards}}">
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required>
<button type="submit" class="main">Log in</button>
</form>
% else:
<p>There is no token yet; that command makes one.</p>
% end
</div>
