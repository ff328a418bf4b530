<!DOCTYPE html>
<html lang="en" data-worker="{{static('events.js')}}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
% if refresh is not None:
<noscript><meta http-equiv="refresh" content="{{refresh}}"></noscript>
% end
<title>{{title}}</title>
<link rel="stylesheet" href="{{static('qm.css')}}">
% for script in scripts:
<script src="{{static(script)}}" defer></script>
% end
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="top">
<a class="brand" href="/QM">QM</a>
<nav aria-label="Pages">
<ul>
% for word, address in navigation:
<li><a href="{{address}}"\\
% if here.rstrip('/') == address or (address == '/QM' and here == '/'):
 aria-current="page"\\
% end
>{{word}}</a></li>
% end
</ul>
</nav>
<p class="status" id="status" role="status"></p>
<div class="who">
% if caller.logged_in:
<span>{{caller.word}}</span>
<form method="post" action="/logout"><button type="submit">Log out</button></form>
% elif caller.word == 'viewer':
<span>viewer</span> <a href="/login">Log in</a>
% end
</div>
</header>
<main id="main" tabindex="-1">
{{!body}}
</main>
</body>
</html>
