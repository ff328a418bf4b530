<!DOCTYPE html>
<html lang="en" data-worker="{{static('page.js')}}" data-theme="{{theme}}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
% if refresh is not None:
<noscript><meta http-equiv="refresh" content="{{refresh}}"></noscript>
% end
<meta name="color-scheme" content="light dark">
<title>{{title}}</title>
<link rel="icon" id="icon" type="image/svg+xml" href="{{static('icon.svg')}}">
<link rel="stylesheet" href="{{static('qm.css')}}">
<script src="{{static('page.js')}}" defer></script>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="top">
<a class="brand" href="/QM"><img src="{{static('icon.svg')}}" alt="" width="22" height="22">QM</a>
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
<p class="age" id="age" hidden></p>
<div class="who">
% if caller.logged_in:
<span>{{caller.word}}</span>
<form method="post" action="/logout"><button type="submit">Log out</button></form>
% elif caller.word == 'viewer':
<span>viewer</span> <a href="/login">Log in</a>
% end
<button type="button" class="quiet" id="theme" hidden>Theme</button>
</div>
</header>
<main id="main" tabindex="-1">
<div class="down" id="cut" role="alert" hidden>
<p><strong>QM does not answer.</strong> Below is how it was when it last did. Jobs that run go on; this page goes on by itself as soon as QM answers.</p>
% if queue_folder:
<p>If QM has ended, start it on its machine: <code id="cut-start">qm --folder &quot;{{queue_folder}}&quot; serve</code> <button type="button" class="quiet" data-copy="cut-start" hidden>Copy</button></p>
% end
</div>
{{!body}}
</main>
<div class="toast" id="toast" hidden><p id="status" role="status"></p><button type="button" class="quiet" id="undo" hidden>Undo</button><button type="button" class="quiet" id="hush" aria-label="Close the message">×</button></div>
<dialog id="dialog" aria-labelledby="dialog-title"></dialog>
</body>
</html>
