<section class="list logbox" id="logbox" aria-labelledby="h-log">
<div class="head logbar">
<h2 id="h-log">Log
% if run is not None:
 <span class="count">of attempt {{run}}</span>
% end
</h2>
% if run is not None:
<a href="/job/{{job.id}}">Show the current one</a>
% end
% if sees:
<label class="js" hidden><input type="checkbox" id="log-follow"> Follow</label>
<label class="js" hidden><input type="checkbox" id="log-wrap" checked> Wrap</label>
<form id="log-find" class="js" role="search" hidden>
<label class="vh" for="log-q">Find in the log, exactly as written</label>
<input id="log-q" type="search" placeholder="Find" autocomplete="off" spellcheck="false" maxlength="200">
<output id="log-count" for="log-q"></output>
<button type="button" id="log-previous" aria-label="Previous place">‹</button>
<button type="submit" id="log-next" aria-label="Next place">›</button>
</form>
<span class="count" id="log-size">{{size(log.size) if log is not None else ''}}</span>
% if run is None:
<a class="button quiet" href="/job/{{job.id}}/files/process.log">Raw</a>
<a class="button quiet" href="/job/{{job.id}}/files/process.log?download">Download</a>
% end
<button type="button" class="quiet js" id="log-copy" title="Copies the lines that are loaded" hidden>Copy</button>
<button type="button" class="quiet js" id="log-full" aria-pressed="false" hidden>Full screen</button>
% end
</div>
<p class="quiet" id="log-note">\\
% if no_log:
{{no_log}}\\
% elif log is not None and log.start > 0:
These are the last lines; before them are {{size(log.start)}}.\\
% end
</p>
% if sees:
<div id="log" class="log wrap" role="region" aria-label="Lines of the log" tabindex="0" data-job="{{job.id}}" data-run="{{'' if run is None else run}}" data-start="{{log.start if log is not None else 0}}" data-end="{{log.end if log is not None else 0}}" data-size="{{log.size if log is not None else 0}}" data-complete="{{'yes' if log is not None and log.complete else 'no'}}" data-style="{{log.style.classes if log is not None else ''}}"><div class="part">\\
% for span in (log.spans if log is not None else ()):
% if span.classes:
<span class="{{span.classes}}">{{span.text}}</span>\\
% else:
{{span.text}}\\
% end
% end
</div><div class="open">\\
% for span in (log.rest if log is not None else ()):
<span class="{{span.classes}}">{{span.text}}</span>\\
% end
</div></div>
% end
</section>
